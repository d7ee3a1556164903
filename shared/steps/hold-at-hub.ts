import type { holdAtHub } from "../contract/activities";
import { decideHold } from "../domain/hub/allow-set";
import { DeviceId, type HubHostName, type RollId } from "../domain/ids";
import { addMs, instant, type Instant } from "../domain/instant";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollTiming } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Entropy } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs, IdentityWrite } from "../ports/hubs";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import {
  allowSet,
  describeIdentity,
  readIdentities,
  recordOf,
  sentinels,
  withRecord,
  writeIdentities,
  type IdentityAt,
} from "./identities";
import { mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface HoldAtHubDeps extends BatchWorkDeps {
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
  return async ({ rollId, batch }) => {
    const { timing } = await deps.blobs.getRequest(rollId);
    const work = await BatchWork.open(deps, "hold-at-hub", { rollId, batch });
    const outcome: JournalLine[] = [];
    await nameDevices(deps, work);
    let outages = 0;
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const todo = pairsToHold(work.rows, deps.hubs.hostNames);
      if (todo.length === 0) break;
      const reading = await readIdentities(deps.hubs, todo);
      ({ outages } = reading);
      const lost = await hold(deps, work, rollId, reading.read, outcome);
      if (lost === 0) break;
    }
    await work.settle(outcome);
    const rows = work.rows.filter((row) => needsHold(row));
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
    row.failed === undefined
  );
}

/** Devices to be cut: also those given up on, because giving up must leave them disabled. */
function needsHold(row: DeviceRow): boolean {
  const { unconfirmed: _unconfirmed, ...rest } = row;
  return needsContainment(row.broken < MOST_BREAKS ? row : rest);
}

/**
 * The hub's device id is the registration record's word; without a record the device never registered, and its hub
 * device, should one exist all the same, is called like the entry says or like the registration.
 */
async function nameDevices({ enrollments }: HoldAtHubDeps, work: BatchWork): Promise<void> {
  const unnamed = work.rows.filter((row) => needsContainment(row) && row.deviceId === undefined);
  await mapSideBySide(unnamed, async (row) => {
    const reading = await orOutage(enrollments.getRegistration(row.registrationId));
    if (reading instanceof RollError) return;
    const known = reading.outcome === "found" ? reading.registration.deviceId : undefined;
    work.set({ ...row, deviceId: known ?? DeviceId.parse(row.registrationId) });
  });
}

type Pair = Omit<IdentityAt, "identity">;

function pairsToHold(rows: readonly DeviceRow[], hubs: readonly HubHostName[]): Pair[] {
  return rows
    .filter((row) => needsHold(row))
    .flatMap((row) => {
      // DPS may be silent just now; the hub is cut all the same, under the name that a registration gives by default.
      const deviceId = row.deviceId ?? DeviceId.parse(row.registrationId);
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
      if (row.deviceId !== undefined) work.set(withRecord(row, at.hub, { ...record, absent: true }));
    } else if (decision.kind === "done") {
      work.set(withRecord(row, at.hub, { ...record, heldAt: deps.clock.now(), lastWrite: "sentinel" }));
    } else {
      const round = record.round + 1;
      const [primaryThumbprint, secondaryThumbprint] = sentinels(deps.entropy, rollId, at.hub, at.deviceId, round);
      const statusBefore = record.statusBefore ?? at.identity.status;
      // Counted before it is written: a run cut off in between must know these sentinels as its own.
      work.set(withRecord(row, at.hub, { ...record, round, statusBefore }));
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

export function describeWrite(write: IdentityWrite): string {
  return `${write.status} primary=${write.primaryThumbprint} secondary=${write.secondaryThumbprint}`;
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
