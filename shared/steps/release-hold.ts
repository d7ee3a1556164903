import type { releaseHold } from "../contract/activities";
import { decideRelease } from "../domain/hub/allow-set";
import type { HubHostName, RollId } from "../domain/ids";
import { addMs, type Instant } from "../domain/instant";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow, HubRecord } from "../domain/roll/device-row";
import type { Containment } from "../domain/roll/playbook";
import type { Entropy } from "../ports/clock";
import type { Hubs, IdentityWrite } from "../ports/hubs";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { admitBreach } from "./contain-pace";
import { MOST_BREAKS, needsContainment } from "./hold-at-hub";
import {
  allowSet,
  describeIdentity,
  describeWrite,
  readIdentities,
  recordOf,
  sentinels,
  warnOfKeys,
  withRecord,
  writeIdentities,
  type IdentityAt,
} from "./identities";
import type { PacerDeps } from "./pacer";
import type { Step } from "./step";

export interface ReleaseHoldDeps extends BatchWorkDeps, PacerDeps {
  readonly entropy: Entropy;
  readonly hubs: Hubs;
  readonly blobs: RollBlobs;
}

const PASSES = 5;

/**
 * Ends the hold after a fresh read: status as before the roll, and in the thumbprints what is allowed to stand there. A
 * device that DPS still accepts the old leaf for stays disabled.
 */
export function createReleaseHold(deps: ReleaseHoldDeps): Step<typeof releaseHold> {
  return async ({ rollId, batch, ticket }) => {
    const { containment, timing } = await deps.blobs.getRequest(rollId);
    const how: Release = { containment, parkMs: timing.parkMs ?? DEFAULT_PARK_MS };
    const work = await BatchWork.open(deps, "release-hold", { rollId, batch });
    const outcome: JournalLine[] = [];
    const first = pairsToRelease(work.rows, deps.hubs.hostNames);
    const admission = await admitBreach(deps, { pairs: first, each: ["twinReads", "registry"] }, ticket);
    if (admission.outcome === "wait") return { released: 0, pending: first.length, wait: admission.wait };
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const todo = pairsToRelease(work.rows, deps.hubs.hostNames);
      if (todo.length === 0) break;
      const { read } = await readIdentities(deps.hubs, todo);
      const lost = await release(deps, work, rollId, how, read, outcome);
      if (lost === 0) break;
    }
    await work.settle(outcome);
    const rows = work.rows.filter((row) => needsContainment(row) && row.entry.state !== "open");
    const unreleased = pairsToRelease(rows, deps.hubs.hostNames).filter(
      ({ row, hub }) => recordOf(row, hub).parkedAt === undefined,
    );
    const pending = new Set(unreleased.map(({ row }) => row.registrationId)).size;
    return { released: rows.length - pending, pending };
  };
}

/** Devices whose containment has yet to be claimed, and those that wait disabled for a new leaf. */
function needsRelease(row: DeviceRow): boolean {
  if (needsContainment(row)) return true;
  const isParked = Object.values(row.hubs).some(({ parkedAt }) => parkedAt !== undefined);
  return isParked && row.containedAt !== undefined && row.proof === undefined && row.skipped === undefined;
}

function pairsToRelease(rows: readonly DeviceRow[], hubs: readonly HubHostName[]): Omit<IdentityAt, "identity">[] {
  return rows
    .filter((row) => needsRelease(row) && row.entry.state !== "open" && row.broken < MOST_BREAKS)
    .flatMap((row) => {
      const { deviceId } = row;
      if (deviceId === undefined) return [];
      return hubs
        .filter((hub) => {
          // What was not seen to be held has not been held for long enough, whatever stands there now.
          const { heldAt, releasedAt, absent } = recordOf(row, hub);
          return releasedAt === undefined && (heldAt !== undefined || absent);
        })
        .map((hub) => ({ row, deviceId, hub }));
    });
}

async function release(
  deps: ReleaseHoldDeps,
  work: BatchWork,
  rollId: RollId,
  how: Release,
  read: readonly IdentityAt[],
  outcome: JournalLine[],
): Promise<number> {
  const planned: { at: IdentityAt; hub: HubHostName; write: IdentityWrite; kind: Written }[] = [];
  for (const at of read) {
    const row = work.row(at.row.registrationId);
    const record = recordOf(row, at.hub);
    const decision = decideRelease(
      at.identity,
      allowSet(deps.entropy, rollId, { ...at, row }),
      record.statusBefore ?? "enabled",
      mayPark(how, record, deps.clock.now()),
    );
    if (decision.kind === "nothing" || at.identity === undefined) {
      work.set(
        withRecord(warnOfKeys(row, at.identity), at.hub, { ...record, absent: true, releasedAt: deps.clock.now() }),
      );
    } else if (decision.kind === "done") {
      work.set(withRecord(row, at.hub, { ...record, releasedAt: deps.clock.now() }));
    } else if (decision.kind === "hold-again" || record.heldAt === undefined) {
      // Opened, or come to be, while nobody held it.
      const { heldAt: _heldAt, ...rest } = record;
      work.set(withRecord(row, at.hub, { ...rest, absent: false }));
    } else if (decision.kind === "park") {
      work.set(withRecord(row, at.hub, { ...record, parkedAt: record.parkedAt ?? deps.clock.now() }));
    } else {
      const replaces =
        decision.thumbprints === "sentinel" && how.containment === "replace" && row.planned !== undefined;
      const kind = replaces ? "planned" : decision.thumbprints;
      planned.push({ at, hub: at.hub, kind, write: toWrite(deps, rollId, { ...at, row }, kind) });
    }
  }
  await work.intend(
    planned.map(({ at, write }) => ({
      registrationId: at.row.registrationId,
      target: at.hub,
      action: "release",
      before: describeIdentity(at.identity),
      after: describeWrite(write),
    })),
  );
  const outcomeOf = await writeIdentities(deps.hubs, planned);
  let lost = 0;
  for (const { at, hub, kind } of planned) {
    const result = outcomeOf(hub, at.deviceId);
    outcome.push({ registrationId: at.row.registrationId, target: hub, action: "release", result: result.outcome });
    const row = work.row(at.row.registrationId);
    if (result.outcome === "written")
      work.set(withRecord(row, hub, released(recordOf(row, hub), deps.clock.now(), kind)));
    else if (result.outcome !== "failed") lost += 1;
  }
  return lost;
}

/** How long a device may take, disabled, to get a new leaf written by DPS. */
const DEFAULT_PARK_MS = 3_600_000;

interface Release {
  readonly containment: Containment | undefined;
  readonly parkMs: number;
}

/** What goes into the thumbprints. */
type Written = "as-read" | "sentinel" | "planned";

function mayPark({ containment, parkMs }: Release, { parkedAt }: HubRecord, now: Instant): boolean {
  return containment === "disable" && (parkedAt === undefined || now < addMs(parkedAt, parkMs));
}

function released({ parkedAt: _parked, ...record }: HubRecord, at: Instant, lastWrite: Written): HubRecord {
  return { ...record, releasedAt: at, lastWrite };
}

function toWrite(
  { entropy }: ReleaseHoldDeps,
  rollId: RollId,
  { row, hub, deviceId, identity }: IdentityAt,
  kind: Written,
): IdentityWrite {
  if (identity === undefined) throw new Error("nothing to release");
  const record = recordOf(row, hub);
  const [one, other] = sentinels(entropy, rollId, hub, deviceId, record.round);
  const leaf = kind === "planned" ? row.planned?.sha256Thumbprint : undefined;
  const [primary, secondary] = [leaf ?? one, leaf ?? other];
  return {
    deviceId,
    etag: identity.etag,
    status: record.statusBefore ?? "enabled",
    statusReason: undefined,
    primaryThumbprint: kind === "as-read" ? (identity.primaryThumbprint ?? primary) : primary,
    secondaryThumbprint: kind === "as-read" ? (identity.secondaryThumbprint ?? secondary) : secondary,
    iotEdge: identity.iotEdge,
  };
}
