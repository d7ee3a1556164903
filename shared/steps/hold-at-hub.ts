import type { holdAtHub } from "../contract/activities";
import { decideHold } from "../domain/hub/allow-set";
import { DeviceId, type HubHostName, type RollId } from "../domain/ids";
import { likelyName, rememberBefore } from "../domain/hub/guess";
import { addMs, instant, type Instant } from "../domain/instant";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow } from "../domain/roll/device-row";
import { isMoving } from "../domain/roll/moving";
import type { RollTiming } from "../domain/roll/request";
import type { Entropy } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs, IdentityWrite } from "../ports/hubs";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { admitBreach } from "./contain-pace";
import { deleteAtHub } from "./delete-at-hub";
import {
  allowSet,
  describeIdentity,
  describeWrite,
  readIdentities,
  recordOf,
  sentinels,
  sentinelsUpTo,
  warnOfKeys,
  withRecord,
  writeIdentities,
  type IdentityAt,
} from "./identities";
import { nameDevices } from "./name-devices";
import type { PacerDeps } from "./pacer";
import { restoreGuessed } from "./restore-guessed";
import type { Step } from "./step";

export interface HoldAtHubDeps extends BatchWorkDeps, PacerDeps {
  readonly entropy: Entropy;
  readonly blobs: RollBlobs;
  readonly enrollments: Enrollments;
  readonly hubs: Hubs;
}

const PASSES = 5;

/** A device whose containment was broken this often stays disabled until an operator decides. */
export const MOST_BREAKS = 3;

/**
 * Cuts a batch's devices off in every linked hub: one guarded write each, `disabled` with two sentinels. Disabling drops
 * live sessions; sentinels keep the old leaf out when the identity is enabled again.
 */
export function createHoldAtHub(deps: HoldAtHubDeps): Step<typeof holdAtHub> {
  return async ({ rollId, batch, ticket }) => {
    const request = await deps.blobs.getRequest(rollId);
    const { timing, containment } = request;
    const work = await BatchWork.open(deps, "hold-at-hub", { rollId, batch });
    const outcome: JournalLine[] = [];
    const unnamed = work.rows.filter((row) => needsContainment(row) && row.deviceId === undefined);
    const first = pairsToHold(work.rows, deps.hubs.hostNames);
    const admission = await admitBreach(
      deps,
      { dps: unnamed.length, pairs: first, each: ["twinReads", "registry"] },
      ticket,
    );
    if (admission.outcome === "wait")
      return { held: 0, pending: first.length, readyAt: deps.clock.now(), wait: admission.wait };
    await nameDevices(deps, work, unnamed);
    let outages = 0;
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const cut = work.rows.filter((row) => !isMoving(row, request, deps.clock.now()));
      const todo = pairsToHold(cut, deps.hubs.hostNames);
      if (todo.length === 0) break;
      // What is held by a guess is given back if the guess was wrong: that cannot be said of a deletion.
      const deletes = todo.filter(({ row }) => containment === "delete" && row.deviceId !== undefined);
      const deletion = await deleteAtHub(deps, work, rollId, deletes, outcome);
      const reading = await readIdentities(
        deps.hubs,
        todo.filter((pair) => !deletes.includes(pair)),
      );
      outages = reading.outages + deletion.outages;
      const lost = await hold(deps, work, rollId, reading.read, outcome);
      if (lost + deletion.lost === 0) break;
    }
    await restoreGuessed(deps, work, rollId, outcome);
    await work.settle(outcome);
    const rows = work.rows.filter((row) => needsHold(row) && !isMoving(row, request, deps.clock.now()));
    const pending = new Set(pairsToHold(rows, deps.hubs.hostNames).map(({ row }) => row.registrationId)).size;
    return {
      held: rows.length - pending,
      pending: Math.max(pending, Math.min(outages, 1), rows.filter((row) => row.deviceId === undefined).length),
      readyAt: readyAt(rows, timing, deps.clock.now()),
    };
  };
}

/** Devices that containment has yet to be claimed for. */
export function needsContainment(row: DeviceRow): boolean {
  return (
    row.containedAt === undefined &&
    row.unconfirmed === undefined &&
    row.skipped === undefined &&
    row.heldBack === undefined &&
    row.failed === undefined
  );
}

/** Devices to be cut: also those given up on, because giving up must leave them disabled. */
function needsHold(row: DeviceRow): boolean {
  const { unconfirmed: _unconfirmed, ...rest } = row;
  return needsContainment(row.broken < MOST_BREAKS ? row : rest);
}

type Pair = Omit<IdentityAt, "identity">;

function pairsToHold(rows: readonly DeviceRow[], hubs: readonly HubHostName[]): Pair[] {
  return rows
    .filter((row) => needsHold(row))
    .flatMap((row) => {
      // DPS may be silent just now; the hub is cut all the same, under the likeliest name.
      const deviceId = likelyName(row, DeviceId.parse(row.registrationId));
      return hubs
        .filter((hub) => {
          const record = recordOf(row, hub);
          return record.heldAt === undefined && !record.absent;
        })
        .map((hub) => ({ row, deviceId, hub }));
    });
}

/** Decides, journals, writes; answers how many lost a race. */
async function hold(
  deps: HoldAtHubDeps,
  work: BatchWork,
  rollId: RollId,
  read: readonly IdentityAt[],
  outcome: JournalLine[],
): Promise<number> {
  const planned: { at: IdentityAt; hub: HubHostName; write: IdentityWrite; round: number }[] = [];
  for (const at of read) {
    const row = work.row(at.row.registrationId);
    const record = recordOf(row, at.hub);
    const decision = decideHold(at.identity, allowSet(deps.entropy, rollId, { ...at, row }));
    if (decision.kind === "nothing" || at.identity === undefined) {
      // A guessed name proves no absence.
      if (row.deviceId !== undefined)
        work.set(withRecord(warnOfKeys(row, at.identity), at.hub, { ...record, absent: true }));
    } else if (row.deviceId === undefined && at.identity.authentication === "certificateAuthority") {
      // DPS writes thumbprints, so this one is hardly ours; and a write of thumbprints could not be taken back.
      continue;
    } else if (decision.kind === "done") {
      work.set(withRecord(row, at.hub, { ...record, heldAt: deps.clock.now(), lastWrite: "sentinel" }));
    } else {
      const round = record.round + 1;
      const [primaryThumbprint, secondaryThumbprint] = sentinels(deps.entropy, rollId, at.hub, at.deviceId, round);
      const statusBefore = record.statusBefore ?? at.identity.status;
      // Counted before it is written: a run cut off in between must know these sentinels as its own.
      const noted = withRecord(row, at.hub, { ...record, round, statusBefore });
      const ours = sentinelsUpTo(deps.entropy, rollId, at, record.round);
      work.set(
        row.deviceId === undefined
          ? rememberBefore(noted, { deviceId: at.deviceId, hub: at.hub, round }, at.identity, ours)
          : noted,
      );
      const { deviceId, etag, iotEdge } = at.identity;
      const statusReason = `rollcall ${rollId}: certificate compromised`;
      const write = {
        deviceId,
        etag,
        status: "disabled",
        statusReason,
        primaryThumbprint,
        secondaryThumbprint,
        iotEdge,
      } as const;
      planned.push({ at, hub: at.hub, write, round });
    }
  }
  await work.intend(planned.map(({ at, write }) => line(at, "hold", describeWrite(write))));
  const outcomeOf = await writeIdentities(deps.hubs, planned);
  let lost = 0;
  for (const { at, hub } of planned) {
    const result = outcomeOf(hub, at.deviceId);
    outcome.push({ registrationId: at.row.registrationId, target: hub, action: "hold", result: result.outcome });
    const row = work.row(at.row.registrationId);
    const record = recordOf(row, hub);
    if (result.outcome === "written")
      work.set(withRecord(row, hub, { ...record, heldAt: deps.clock.now(), lastWrite: "sentinel" }));
    else if (result.outcome !== "failed") lost += 1;
  }
  return lost;
}

function line(at: IdentityAt, action: string, after: string): JournalLine {
  const before = describeIdentity(at.identity);
  return { registrationId: at.row.registrationId, target: at.hub, action, before, after };
}

/**
 * When sessions have dropped and registrations in flight have landed, for the last device of the batch. Each time that
 * containment broke doubles the wait: what survived the last hold may outlast another of the same length.
 */
function readyAt(rows: readonly DeviceRow[], timing: RollTiming, now: Instant): Instant {
  const waitMs = Math.max(timing.pulseHoldMs, timing.settleMs);
  const ends = rows.flatMap((row) =>
    [...Object.values(row.hubs).map(({ heldAt }) => heldAt), row.entry.closedAt].flatMap((start) =>
      // The services' clocks may run ahead of ours; no wait begins later than now.
      start === undefined ? [] : [addMs(instant(Math.min(now, start)), waitMs * 2 ** row.broken)],
    ),
  );
  return instant(Math.max(0, ...ends));
}
