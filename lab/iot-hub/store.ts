import type { LabClock } from "../clock";
import { notFound, preconditionFailed } from "./errors";
import { etagOf, identityKey, type Identity, type IdentityFields } from "./identity";
import { QueryIndex } from "./query-index";
import { changeTwin, newTwin, twinEtag, type Twin, type TwinChange } from "./twin";

/** A device or a module with its twin. Replaced by each write, never changed in place. */
export interface HubRecord {
  readonly identity: Identity;
  readonly twin: Twin;
}

/** Who wrote: switches treat imports, and DPS, apart from single writes. */
export type WriteOrigin = "service" | "import" | "dps" | "device";

export interface RegistryChange {
  readonly kind: "created" | "updated" | "deleted";
  readonly before?: HubRecord;
  readonly after?: HubRecord;
  readonly origin: WriteOrigin;
}

export interface TwinUpdate {
  readonly kind: "updateTwin" | "replaceTwin";
  readonly record: HubRecord;
  readonly change: TwinChange;
  readonly origin: WriteOrigin;
}

/** A certificate authority that the hub trusts for `certificateAuthority` devices. */
export interface HubAuthority {
  readonly name: string;
  readonly der: Buffer;
}

/** Identities and twins of one hub: the registry behind the routes, and the door for seeding and inspecting tests. */
export class HubStore {
  readonly authorities: HubAuthority[] = [];
  /** What queries see: the records, later by the lag. */
  readonly index: QueryIndex<HubRecord>;
  private readonly devices = new Map<string, HubRecord>();
  private readonly modules = new Map<string, Map<string, HubRecord>>();
  private readonly registryListeners = new Set<(change: RegistryChange) => void>();
  private readonly twinListeners = new Set<(update: TwinUpdate) => void>();
  private lastGeneration = 0n;

  constructor(
    private readonly clock: LabClock,
    queryLagMs: () => number,
  ) {
    this.index = new QueryIndex(clock, queryLagMs);
  }

  get size(): number {
    return this.devices.size;
  }

  device(deviceId: string): HubRecord | undefined {
    return this.devices.get(deviceId);
  }

  module(deviceId: string, moduleId: string): HubRecord | undefined {
    return this.modules.get(deviceId)?.get(moduleId);
  }

  find(deviceId: string, moduleId?: string): HubRecord | undefined {
    return moduleId === undefined ? this.device(deviceId) : this.module(deviceId, moduleId);
  }

  /** The record, or the error the hub answers when there is none. */
  get(deviceId: string, moduleId?: string): HubRecord {
    const record = this.find(deviceId, moduleId);
    if (record) return record;
    if (moduleId === undefined || !this.devices.has(deviceId)) throw notFound.device(deviceId);
    throw notFound.module(deviceId, moduleId);
  }

  allDevices(): IterableIterator<HubRecord> {
    return this.devices.values();
  }

  modulesOf(deviceId: string): HubRecord[] {
    return [...(this.modules.get(deviceId)?.values() ?? [])];
  }

  /** A record as it would be after creation; `write` makes it so. */
  draftNew(deviceId: string, moduleId: string | undefined, fields: IdentityFields): HubRecord {
    const now = this.clock.now();
    const identity: Identity = {
      deviceId,
      ...(moduleId === undefined ? {} : { moduleId }),
      generationId: this.nextGenerationId(),
      version: 1,
      statusUpdatedAt: 0,
      ...fields,
    };
    return { identity, twin: newTwin(now) };
  }

  /** A record as it would be after an update; throws 412 when `etag` is given and is not the identity's. */
  draftUpdate(record: HubRecord, fields: IdentityFields, etag?: string): HubRecord {
    checkEtag(etag, etagOf(record.identity));
    const { identity } = record;
    const statusChanged = fields.status !== identity.status || fields.statusReason !== identity.statusReason;
    return {
      twin: record.twin,
      identity: {
        ...identity,
        ...fields,
        version: identity.version + 1,
        statusUpdatedAt: statusChanged ? this.clock.now() : identity.statusUpdatedAt,
      },
    };
  }

  /** A record as it would be after a change of its twin; throws 412 when `etag` is given and is not the twin's. */
  draftTwin(record: HubRecord, change: TwinChange, mode: "merge" | "replace", etag?: string): HubRecord {
    checkEtag(etag, twinEtag(record.twin));
    return { identity: record.identity, twin: changeTwin(record.twin, change, mode, this.clock.now()) };
  }

  /** Makes a drafted record the current one and tells the listeners. */
  write(after: HubRecord, origin: WriteOrigin): void {
    const { deviceId, moduleId } = after.identity;
    const before = this.find(deviceId, moduleId);
    this.put(after);
    this.tell({ kind: before ? "updated" : "created", ...(before ? { before } : {}), after, origin });
  }

  /** Makes a drafted twin the current one and tells the listeners of twins. */
  writeTwin(record: HubRecord, change: TwinChange, kind: TwinUpdate["kind"], origin: WriteOrigin): void {
    this.put(record);
    for (const listener of this.twinListeners) listener({ kind, record, change, origin });
  }

  /** Deletes a device with its modules, or one module. */
  delete(deviceId: string, moduleId: string | undefined, origin: WriteOrigin): void {
    if (moduleId === undefined) {
      for (const { identity } of this.modulesOf(deviceId)) this.delete(deviceId, identity.moduleId, origin);
      this.modules.delete(deviceId);
    }
    const before = this.find(deviceId, moduleId);
    if (!before) return;
    if (moduleId === undefined) this.devices.delete(deviceId);
    else this.modules.get(deviceId)?.delete(moduleId);
    this.index.set(identityKey(deviceId, moduleId), undefined);
    this.tell({ kind: "deleted", before, origin });
  }

  /** Creates a device at once, for tests and scenarios; replaces one that exists. */
  seed(deviceId: string, fields: Partial<IdentityFields> & Pick<IdentityFields, "authentication">, moduleId?: string) {
    const complete: IdentityFields = { status: "enabled", statusReason: null, iotEdge: false, ...fields };
    const existing = this.find(deviceId, moduleId);
    const record = existing ? this.draftUpdate(existing, complete) : this.draftNew(deviceId, moduleId, complete);
    this.write(record, "service");
    return record;
  }

  onRegistryChange(listener: (change: RegistryChange) => void): void {
    this.registryListeners.add(listener);
  }

  onTwinUpdate(listener: (update: TwinUpdate) => void): void {
    this.twinListeners.add(listener);
  }

  /** Puts a record in place as it is, without telling anyone: for snapshots. */
  put(record: HubRecord): void {
    const { deviceId, moduleId } = record.identity;
    if (moduleId === undefined) {
      this.devices.set(deviceId, record);
    } else {
      const siblings = this.modules.get(deviceId) ?? new Map<string, HubRecord>();
      this.modules.set(deviceId, siblings);
      siblings.set(moduleId, record);
    }
    this.index.set(identityKey(deviceId, moduleId), record);
  }

  private tell(change: RegistryChange): void {
    for (const listener of this.registryListeners) listener(change);
  }

  /** As in Azure: .NET ticks, so later generations compare greater. */
  private nextGenerationId(): string {
    const ticks = BigInt(Math.trunc(this.clock.now()) + 62_135_596_800_000) * 10_000n;
    this.lastGeneration = ticks > this.lastGeneration ? ticks : this.lastGeneration + 1n;
    return String(this.lastGeneration);
  }
}

/** Throws 412 unless the wanted tag is absent, `*` or the current one; quotes around it are taken off. */
export function checkEtag(wanted: string | undefined, current: string): void {
  if (wanted === undefined) return;
  const bare = wanted.replace(/^(?:W\/)?"(.*)"$/, "$1");
  if (bare !== "*" && bare !== current) throw preconditionFailed();
}
