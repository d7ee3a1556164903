import type { RegistrationId } from "../ids";
import type { DeviceRecord, EnrollmentRecord, GatheredLine, RegistrationRecord } from "./records";

/**
 * What a line's device is called in an inventory: the hub device's name in lower case. DPS compares registration ids
 * without regard to case, and an entry may give the hub device a name of its own.
 */
export function deviceKey(line: GatheredLine): string {
  switch (line.kind) {
    case "enrollment": {
      const { registrationId, deviceId, registration } = line.enrollment;
      return (registration?.deviceId ?? deviceId ?? registrationId).toLowerCase();
    }
    case "registration":
      return (line.registration.deviceId ?? line.registrationId).toLowerCase();
    case "identity":
      return line.identity.deviceId.toLowerCase();
    case "module":
      return line.module.deviceId.toLowerCase();
    default:
      return line satisfies never;
  }
}

/** Which of `shards` parts of the fleet a device belongs to; the same for ever (FNV-1a over UTF-16 code units). */
export function shardOf(key: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0;
  return hash % shards;
}

/**
 * Puts lines about the same device together, in any order and however often the same line comes (a page that was read
 * twice). What it holds grows with the devices of its shard, not with the fleet.
 */
export class DeviceJoin {
  private readonly records = new Map<string, Draft>();

  constructor(
    private readonly shard = 0,
    private readonly shards = 1,
  ) {}

  add(line: GatheredLine): void {
    const key = deviceKey(line);
    if (this.shards > 1 && shardOf(key, this.shards) !== this.shard) return;
    const draft: Draft = this.records.get(key) ?? { key, identities: new Map(), modules: new Map() };
    this.records.set(key, draft);
    switch (line.kind) {
      case "enrollment":
        addEnrollment(draft, line.enrollment);
        break;
      case "registration":
        if (draft.enrollment === undefined) draft.registrationId = line.registrationId;
        if (isNewer(line.registration, draft.registration)) {
          draft.registration = line.registration;
          draft.groupId = line.groupId;
        }
        draft.groupId ??= line.groupId;
        break;
      case "identity":
        draft.identities.set(`${line.identity.hub}/${line.identity.deviceId}`, line.identity);
        break;
      case "module": {
        const { deviceId: _device, ...module } = line.module;
        draft.modules.set(`${module.hub}/${module.moduleId}`, module);
        break;
      }
      default:
        line satisfies never;
    }
  }

  get size(): number {
    return this.records.size;
  }

  /** The devices, sorted by key. */
  *devices(): Generator<DeviceRecord, void> {
    const keys = [...this.records.keys()].sort();
    for (const key of keys) {
      const draft = this.records.get(key);
      if (draft !== undefined) yield toRecord(draft);
    }
  }
}

interface Draft {
  readonly key: string;
  registrationId?: RegistrationId;
  enrollment?: DeviceRecord["enrollment"];
  alsoEnrolledAs?: RegistrationId[];
  groupId?: DeviceRecord["groupId"];
  registration?: RegistrationRecord;
  readonly identities: Map<string, DeviceRecord["identities"][number]>;
  readonly modules: Map<string, NonNullable<DeviceRecord["modules"]>[number]>;
}

function toRecord({ identities, modules, ...draft }: Draft): DeviceRecord {
  return {
    ...draft,
    identities: [...identities.values()],
    ...(modules.size === 0 ? {} : { modules: [...modules.values()] }),
  };
}

/** Two entries may name the same hub device: the first by id stands, the others are noted. */
function addEnrollment(draft: Draft, line: EnrollmentRecord): void {
  const { registrationId, registration, ...enrollment } = line;
  const other = draft.enrollment === undefined ? undefined : draft.registrationId;
  if (other !== undefined && other !== registrationId) {
    const later = other < registrationId ? registrationId : other;
    draft.alsoEnrolledAs = [...new Set([...(draft.alsoEnrolledAs ?? []), later])].sort();
    if (other < registrationId) return;
  }
  draft.registrationId = registrationId;
  draft.enrollment = enrollment;
  if (registration !== undefined && isNewer(registration, draft.registration)) draft.registration = registration;
}

/** DPS overwrites a registration record at each attempt: of two, the later one stands. */
function isNewer(a: RegistrationRecord, b: RegistrationRecord | undefined): boolean {
  return b === undefined || (a.at ?? 0) > (b.at ?? 0);
}
