import type { FindingScope } from "../../contract/alerts/finding";
import type { OrderedDevice } from "../../contract/alert";
import { EnrollmentGroupId, type Slot } from "../../domain/ids";
import { shardOf } from "../../domain/inventory/join";
import type { DeviceRecord } from "../../domain/inventory/records";
import { problem, type Problem } from "../../domain/outcome";
import type { Authorities, Authority } from "../../ports/authorities";
import type { EnrollmentGroup, EnrollmentGroups } from "../../ports/enrollment-groups";
import type { InventoryStore } from "../../ports/inventory";
import { everyDevice } from "../inventory/ask-inventory";
import { answeredInTime, findUnknown, type FindUnknownDeps } from "../find-unknown";
import { allGroups } from "../../steps/pages";

export interface ResolveScopeDeps extends FindUnknownDeps {
  readonly groups: Pick<EnrollmentGroups, "get" | "list">;
  readonly authorities: Pick<Authorities, "list">;
  readonly inventories: InventoryStore;
}

/** What a roll can be about, and ids that DPS does not know. */
export interface Resolved {
  readonly scope: Extract<FindingScope, { kind: "devices" | "group" }>;
  readonly unknown: readonly string[];
}

/**
 * Finds out at DPS, and where that cannot say by the latest inventory, what an alert's words mean here.
 * Problems: `unknown-device`, `unknown-group`, `unknown-certificate`.
 */
export async function resolveScope(
  deps: ResolveScopeDeps,
  scope: Exclude<FindingScope, { kind: "none" }>,
): Promise<Resolved | Problem> {
  switch (scope.kind) {
    case "devices":
      return resolveDevices(deps, scope.devices);
    case "group": {
      const groupId = EnrollmentGroupId.safeParse(scope.groupId.toLowerCase());
      const asked = groupId.success ? deps.groups.get(groupId.data) : undefined;
      const missing =
        asked === undefined || ((await answeredInTime(deps.waiter, asked)) && (await asked).outcome === "missing");
      return missing
        ? problem(404, "unknown-group", "DPS has no enrollment group of this id; check the id")
        : { scope, unknown: [] };
    }
    case "certificate":
      return resolveCertificate(deps, scope.thumbprint.toUpperCase());
    default:
      return scope satisfies never;
  }
}

/** Devices with an enrollment of their own; if none has, those of one group that the latest inventory shows. */
async function resolveDevices(deps: ResolveScopeDeps, devices: readonly OrderedDevice[]): Promise<Resolved | Problem> {
  const unknown = await findUnknown(
    deps,
    devices.map(({ registrationId }) => registrationId),
  );
  if (unknown.length < devices.length) return { scope: { kind: "devices", devices }, unknown };
  const members = await membersOf(deps.inventories, unknown);
  const [groupId] = [...new Set(members.values())];
  const inGroup = devices.filter(({ registrationId }) => members.get(registrationId.toLowerCase()) === groupId);
  if (groupId === undefined || inGroup.length === 0)
    return problem(
      404,
      "unknown-device",
      `DPS has no individual enrollment for ${list(unknown)}, and the latest inventory shows them in no group; check the registration ids`,
    );
  const left = devices.filter((device) => !inGroup.includes(device)).map(({ registrationId }) => registrationId);
  return { scope: { kind: "group", groupId, authority: "leaf", devices: inGroup }, unknown: left };
}

/** The groups through which devices came, as the latest inventory has it. */
async function membersOf(
  inventories: InventoryStore,
  ids: readonly string[],
): Promise<ReadonlyMap<string, EnrollmentGroupId>> {
  const latest = await inventories.latest();
  const members = new Map<string, EnrollmentGroupId>();
  if (latest === undefined) return members;
  const wanted = new Set(ids.map((id) => id.toLowerCase()));
  for (const shard of new Set([...wanted].map((id) => shardOf(id, latest.shards))))
    for await (const { key, groupId } of inventories.readDevices(latest.inventoryId, shard))
      if (groupId !== undefined && wanted.has(key)) members.set(key, groupId);
  return members;
}

async function resolveCertificate(deps: ResolveScopeDeps, thumbprint: string): Promise<Resolved | Problem> {
  const [authorities, groups] = await Promise.all([deps.authorities.list(), allGroups(deps.groups)]);
  const authority = authorities.find(({ certificate }) => certificate?.sha256Thumbprint === thumbprint);
  const group = groups.find((one) => holds(one, thumbprint, authority));
  if (group !== undefined) {
    const { subject, issuer, pem } = authority?.certificate ?? {};
    const level = subject !== undefined && subject === issuer ? "root" : "intermediate";
    const pems = pem === undefined ? {} : { certificatePems: [pem] };
    const scope = {
      kind: "group",
      groupId: group.groupId,
      authority: level,
      thumbprints: [thumbprint],
      ...pems,
    } as const;
    return { scope, unknown: [] };
  }
  const devices = await devicesWith(deps.inventories, thumbprint);
  if (devices.length > 0) return resolveDevices(deps, devices);
  return problem(
    404,
    "unknown-certificate",
    "no CA certificate or group of DPS and no device of the latest inventory has this thumbprint; name the devices or the group",
  );
}

function holds({ attestation: held }: EnrollmentGroup, thumbprint: string, authority: Authority | undefined): boolean {
  switch (held.kind) {
    case "caReferences":
      return [held.primary, held.secondary].some(
        (name) => name !== undefined && name.toLowerCase() === authority?.name.toLowerCase(),
      );
    case "signingCertificates":
      return [held.primary, held.secondary].some((slot) => slot?.sha256Thumbprint === thumbprint);
    case "other":
      return false;
    default:
      return held satisfies never;
  }
}

/** At most a thousand: who has more devices on one certificate has a CA's problem. */
async function devicesWith(inventories: InventoryStore, thumbprint: string): Promise<OrderedDevice[]> {
  const latest = await inventories.latest();
  if (latest === undefined) return [];
  const found: OrderedDevice[] = [];
  for await (const device of everyDevice(inventories, latest)) {
    const slots = (["primary", "secondary"] as const).filter(
      (slot) => device.enrollment?.[slot]?.sha256Thumbprint === thumbprint,
    );
    if (found.length < 1_000 && (slots.length > 0 || isUsedBy(device, thumbprint)))
      found.push(toOrdered(device, slots));
  }
  return found;
}

function isUsedBy({ identities, reported }: DeviceRecord, thumbprint: string): boolean {
  return (
    reported?.sha256Thumbprint === thumbprint ||
    identities.some((one) => one.primaryThumbprint === thumbprint || one.secondaryThumbprint === thumbprint)
  );
}

function toOrdered({ key, registrationId }: DeviceRecord, slots: Slot[]): OrderedDevice {
  return { registrationId: registrationId ?? key, ...(slots.length === 0 ? {} : { compromised: { slots } }) };
}

export function list(ids: readonly string[]): string {
  return ids.length <= 5 ? ids.join(", ") : `${ids.slice(0, 5).join(", ")} and ${ids.length - 5} more`;
}
