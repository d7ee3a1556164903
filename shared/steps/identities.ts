import { sentinelText, type AllowSet } from "../domain/hub/allow-set";
import { Sha256Thumbprint, type DeviceId, type HubHostName, type RollId, type Slot } from "../domain/ids";
import { withWarning, type DeviceRow, type HubRecord } from "../domain/roll/device-row";
import { RollError } from "../domain/roll-error";
import type { Entropy } from "../ports/clock";
import type { HubIdentity, Hubs, IdentityWrite, IdentityWriteOutcome } from "../ports/hubs";
import { mapSideBySide, orOutage } from "./side-by-side";

/** One device in one linked hub, freshly read. */
export interface IdentityAt {
  readonly row: DeviceRow;
  readonly deviceId: DeviceId;
  readonly hub: HubHostName;
  /** Undefined: there is none. */
  readonly identity: HubIdentity | undefined;
}

export const NOTHING_WRITTEN: HubRecord = { round: 0, lastWrite: "none", absent: false };

/** A shared key is no certificate, so that nothing is written there; but it opens the identity. */
export function warnOfKeys(row: DeviceRow, identity: HubIdentity | undefined): DeviceRow {
  return identity?.authentication === "sas" ? withWarning(row, "sas-authentication") : row;
}

/** What this roll knows of the device in that hub. */
export function recordOf(row: DeviceRow, hub: HubHostName): HubRecord {
  return row.hubs[hub] ?? NOTHING_WRITTEN;
}

export function withRecord(row: DeviceRow, hub: HubHostName, record: HubRecord): DeviceRow {
  return { ...row, hubs: { ...row.hubs, [hub]: record } };
}

/** Reads the devices in the given hubs; pairs that a hub does not answer for are left out and listed in `outages`. */
export async function readIdentities<P extends Omit<IdentityAt, "identity">>(
  hubs: Hubs,
  pairs: readonly P[],
): Promise<{ readonly read: (P & IdentityAt)[]; readonly outages: number }> {
  const read: (P & IdentityAt)[] = [];
  let outages = 0;
  await mapSideBySide(pairs, async (pair) => {
    const reading = await orOutage(hubs.hub(pair.hub).readIdentity(pair.deviceId));
    if (reading instanceof RollError) outages += 1;
    else read.push({ ...pair, identity: reading.outcome === "found" ? reading.identity : undefined });
  });
  return { read, outages };
}

/** Writes identities hub by hub, 90 at a time; an outage answers `failed` for the devices of that call. */
export async function writeIdentities(
  hubs: Hubs,
  writes: readonly { readonly hub: HubHostName; readonly write: IdentityWrite }[],
): Promise<(hub: HubHostName, deviceId: DeviceId) => IdentityWriteOutcome> {
  const outcomes = new Map<string, IdentityWriteOutcome>();
  for (const [hub, group] of groupByHub(writes)) {
    const answer = await orOutage(hubs.hub(hub).writeIdentities(group));
    for (const { deviceId } of group) {
      const outcome: IdentityWriteOutcome =
        answer instanceof RollError
          ? { outcome: "failed", detail: answer.code }
          : (answer.get(deviceId) ?? { outcome: "written" });
      outcomes.set(`${hub}|${deviceId}`, outcome);
    }
  }
  return (hub, deviceId) => outcomes.get(`${hub}|${deviceId}`) ?? { outcome: "failed", detail: "not attempted" };
}

function groupByHub(
  writes: readonly { readonly hub: HubHostName; readonly write: IdentityWrite }[],
): ReadonlyMap<HubHostName, readonly IdentityWrite[]> {
  const groups = new Map<HubHostName, IdentityWrite[]>();
  for (const { hub, write } of writes) groups.set(hub, [...(groups.get(hub) ?? []), write]);
  return groups;
}

/** The sentinels of one round, primary and secondary. `name`: the device's id, or `device/module`. */
export function sentinels(
  entropy: Entropy,
  rollId: RollId,
  hub: HubHostName,
  name: string,
  round: number,
): readonly [Sha256Thumbprint, Sha256Thumbprint] {
  const make = (slot: Slot): Sha256Thumbprint =>
    Sha256Thumbprint.parse(entropy.sha256(sentinelText(rollId, hub, name, slot, round)));
  return [make("primary"), make("secondary")];
}

/** What the device's identity in this hub may accept now: see domain/hub/allow-set. */
export function allowSet(entropy: Entropy, rollId: RollId, at: Omit<IdentityAt, "identity">): AllowSet {
  const { round } = recordOf(at.row, at.hub);
  return { leaves: at.row.allowed, sentinels: sentinelsUpTo(entropy, rollId, at, round) };
}

/** Those of all rounds up to this one. */
export function sentinelsUpTo(
  entropy: Entropy,
  rollId: RollId,
  { hub, deviceId }: Pick<IdentityAt, "hub" | "deviceId">,
  round: number,
): Sha256Thumbprint[] {
  return Array.from({ length: round }, (_, n) => sentinels(entropy, rollId, hub, deviceId, n + 1)).flat();
}

/** For the journal. */
export function describeIdentity(identity: HubIdentity | undefined): string {
  if (identity === undefined) return "absent";
  const { status, primaryThumbprint, secondaryThumbprint, etag } = identity;
  return `${status} primary=${primaryThumbprint ?? "-"} secondary=${secondaryThumbprint ?? "-"} etag=${etag}`;
}

export function describeWrite(write: IdentityWrite): string {
  return `${write.status} primary=${write.primaryThumbprint ?? "-"} secondary=${write.secondaryThumbprint ?? "-"}`;
}
