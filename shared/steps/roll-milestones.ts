import type { closeRoll, noteContained } from "../contract/activities";
import { owesRestore } from "../domain/hub/guess";
import type { RollId } from "../domain/ids";
import { countStates, isOpen } from "../domain/roll/device-state";
import type { DeviceRow } from "../domain/roll/device-row";
import { exposureOf } from "../domain/roll/exposure";
import type { Clock } from "../ports/clock";
import type { BatchStore, ClaimStore, RollStore } from "../ports/stores";
import type { Step } from "./step";

export interface MilestoneDeps {
  readonly clock: Clock;
  readonly claims: ClaimStore;
  readonly rolls: RollStore;
  readonly batches: BatchStore;
}

/** Notes in the header that containment went through, with the exposure it took. Safe to run twice: the first note stands. */
export function createNoteContained({ clock, rolls, batches }: MilestoneDeps): Step<typeof noteContained> {
  return async ({ rollId }) => {
    const rows = await allRows(rolls, batches, rollId);
    const containedAt = clock.now();
    await rolls.update(rollId, (roll) => {
      const exposure = exposureOf(rows, roll.requestedAt);
      return roll.phase === "containing"
        ? { ...roll, phase: "awaiting", containedAt, ...(exposure === undefined ? {} : { exposure }) }
        : roll;
    });
    return { contained: rows.filter((row) => row.containedAt !== undefined).length };
  };
}

/**
 * Closes the books: final counts, exposure and outcome, claims given back, the roll taken off the list of open ones last, so that a
 * crash in between leads here again.
 */
export function createCloseRoll({ clock, claims, rolls, batches }: MilestoneDeps): Step<typeof closeRoll> {
  return async ({ rollId }) => {
    const rows = await allRows(rolls, batches, rollId);
    const counts = countStates(rows);
    const outcome = rows.every((row) => isDone(row)) ? "completed" : "partial";
    const finishedAt = clock.now();
    await rolls.update(rollId, (roll) => {
      if (roll.phase === "finished") return roll;
      // Measured again: a containment that broke and was repaired made the window longer than was noted.
      const exposure = exposureOf(rows, roll.requestedAt) ?? roll.exposure;
      return {
        ...roll,
        phase: "finished",
        finishedAt,
        outcome,
        counts,
        ...(exposure === undefined ? {} : { exposure }),
      };
    });
    await claims.releaseTargets(
      rollId,
      rows.map((row) => row.registrationId),
    );
    await rolls.close(rollId);
    return { outcome, proven: rows.filter((row) => row.proof !== undefined).length };
  };
}

/** Proven; everything else (no new leaf, unconfirmed, still waited for, skipped) leaves something for people to do. */
function isDone(row: DeviceRow): boolean {
  return row.proof !== undefined && !isOpen(row) && !owesRestore(row);
}

async function allRows(rolls: RollStore, batches: BatchStore, rollId: RollId): Promise<DeviceRow[]> {
  const roll = await rolls.get(rollId);
  const rows: DeviceRow[] = [];
  for (let batch = 0; batch < (roll?.batches ?? 0); batch += 1) rows.push(...(await batches.read(rollId, batch)).rows);
  return rows;
}
