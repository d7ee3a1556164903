import type { releaseHold } from "../contract/activities";
import { decideRelease } from "../domain/hub/allow-set";
import type { HubHostName, RollId } from "../domain/ids";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow } from "../domain/roll/device-row";
import type { Entropy } from "../ports/clock";
import type { Hubs, IdentityWrite } from "../ports/hubs";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
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
import type { Step } from "./step";

export interface ReleaseHoldDeps extends BatchWorkDeps {
  readonly entropy: Entropy;
  readonly hubs: Hubs;
}

const PASSES = 5;

/**
 * Ends the hold after a fresh read: status as before the roll, and in the thumbprints what is allowed to stand there. A
 * device that DPS still accepts the old leaf for stays disabled.
 */
export function createReleaseHold(deps: ReleaseHoldDeps): Step<typeof releaseHold> {
  return async ({ rollId, batch }) => {
    const work = await BatchWork.open(deps, "release-hold", { rollId, batch });
    const outcome: JournalLine[] = [];
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const todo = pairsToRelease(work.rows, deps.hubs.hostNames);
      if (todo.length === 0) break;
      const { read } = await readIdentities(deps.hubs, todo);
      const lost = await release(deps, work, rollId, read, outcome);
      if (lost === 0) break;
    }
    await work.settle(outcome);
    const rows = work.rows.filter((row) => needsContainment(row) && row.entry.state !== "open");
    const pending = new Set(pairsToRelease(rows, deps.hubs.hostNames).map(({ row }) => row.registrationId)).size;
    return { released: rows.length - pending, pending };
  };
}

function pairsToRelease(rows: readonly DeviceRow[], hubs: readonly HubHostName[]): Omit<IdentityAt, "identity">[] {
  return rows
    .filter((row) => needsContainment(row) && row.entry.state !== "open" && row.broken < MOST_BREAKS)
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
  read: readonly IdentityAt[],
  outcome: JournalLine[],
): Promise<number> {
  const planned: { at: IdentityAt; hub: HubHostName; write: IdentityWrite; kind: "as-read" | "sentinel" }[] = [];
  for (const at of read) {
    const row = work.row(at.row.registrationId);
    const record = recordOf(row, at.hub);
    const decision = decideRelease(
      at.identity,
      allowSet(deps.entropy, rollId, { ...at, row }),
      record.statusBefore ?? "enabled",
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
    } else {
      const kind = decision.thumbprints;
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
      work.set(withRecord(row, hub, { ...recordOf(row, hub), releasedAt: deps.clock.now(), lastWrite: kind }));
    else if (result.outcome !== "failed") lost += 1;
  }
  return lost;
}

function toWrite(
  { entropy }: ReleaseHoldDeps,
  rollId: RollId,
  { row, hub, deviceId, identity }: IdentityAt,
  kind: "as-read" | "sentinel",
): IdentityWrite {
  if (identity === undefined) throw new Error("nothing to release");
  const record = recordOf(row, hub);
  const [primary, secondary] = sentinels(entropy, rollId, hub, deviceId, record.round);
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
