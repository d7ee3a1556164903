import type { closeRoll, listWaiting, noteContained, releaseClaims } from "../contract/activities";
import { addSummaries, type BatchSummary } from "../domain/roll/batch-summary";
import type { DeviceCounts } from "../domain/roll/device-state";
import { exposureOf } from "../domain/roll/exposure";
import { isGroupRoll } from "../domain/roll/playbook";
import type { RollRequest } from "../domain/roll/request";
import type { RollOutcome } from "../domain/roll/roll";
import type { Clock } from "../ports/clock";
import type { ControlStore } from "../ports/control";
import type { DueRows } from "../ports/due-rows";
import type { BatchStore, RollBlobs, RollStore } from "../ports/stores";
import type { TargetClaims } from "../ports/target-claims";
import { noteRecheck, noteRetire, noteRetireAuthority } from "./due-work";
import { releaseTrust } from "./claim-trust";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface MilestoneDeps {
  readonly clock: Clock;
  readonly targetClaims: TargetClaims;
  readonly rolls: RollStore;
  readonly batches: BatchStore;
  readonly blobs: RollBlobs;
  readonly due: DueRows;
  readonly control: Pick<ControlStore, "get">;
}

/** Notes in the header that containment went through, with the exposure it took. Safe to run twice: the first note stands. */
export function createNoteContained({ clock, rolls }: MilestoneDeps): Step<typeof noteContained> {
  return async ({ rollId }) => {
    const { contained } = addSummaries(await rolls.readSummaries(rollId));
    const containedAt = clock.now();
    await rolls.update(rollId, (roll) => {
      const exposure = exposureOf(contained, roll.requestedAt);
      if (roll.phase !== "containing" || roll.containedAt !== undefined) return roll;
      // A group's roll may have to put a new CA in first.
      const phase = isGroupRoll(roll.playbook) ? roll.phase : "awaiting";
      return { ...roll, phase, containedAt, ...(exposure === undefined ? {} : { exposure }) };
    });
    return { contained: contained.reduce((sum, [, devices]) => sum + devices, 0) };
  };
}

/** Read from the summaries, so that a fleet is looked through without reading its rows. */
export function createListWaiting({ rolls }: MilestoneDeps): Step<typeof listWaiting> {
  return async ({ rollId, from, limit }) => {
    const waiting = (await rolls.readSummaries(rollId))
      .filter((summary) => summary.batch >= from && summary.waiting > 0)
      .map(({ batch }) => batch)
      .sort((a, b) => a - b);
    const next = waiting[limit];
    return { batches: waiting.slice(0, limit), ...(next === undefined ? {} : { next }) };
  };
}

/**
 * Closes the books: final counts, exposure and outcome. The claims are given back after it, and the roll is taken off the
 * list of open ones last, so that a crash in between leads here again.
 */
export function createCloseRoll({ clock, rolls, blobs, due, control }: MilestoneDeps): Step<typeof closeRoll> {
  return async ({ rollId, outcome: decided }) => {
    const request = await blobs.getRequest(rollId);
    const { devices } = (await rolls.get(rollId)) ?? { devices: 0 };
    const all = addSummaries(await rolls.readSummaries(rollId));
    const { counts } = all;
    const reached = outcomeOf(request, devices, all);
    const cutShort = reached !== "completed" && (await control.get(rollId))?.desired === "aborted";
    const outcome = decided ?? (cutShort ? "aborted" : reached);
    const finishedAt = clock.now();
    const closed = await rolls.update(rollId, (roll) => {
      if (roll.phase === "finished") return roll;
      // Measured again: a containment that broke and was repaired made the window longer than was noted.
      const exposure = exposureOf(all.contained, roll.requestedAt) ?? roll.exposure;
      const measured = exposure === undefined ? {} : { exposure };
      return { ...roll, phase: "finished", finishedAt, outcome, counts, ...measured };
    });
    await noteRecheck({ clock, due, blobs }, closed);
    await noteRetire({ clock, due, blobs, rolls }, closed);
    await noteRetireAuthority({ clock, due, blobs, rolls }, closed);
    return { outcome: closed.outcome ?? outcome, proven: provenOf(counts) };
  };
}

/** Everything done; everything else (no new leaf, unconfirmed, still waited for, skipped) leaves something for people to do. */
function outcomeOf(
  { playbook, retire }: RollRequest,
  devices: number,
  { counts, owed }: Pick<BatchSummary, "counts" | "owed">,
): RollOutcome {
  const retires = playbook === "individual-expiry" && retire?.when !== "old-expired";
  const done = retires ? (counts.retired ?? 0) : provenOf(counts);
  // What another roll has taken is that roll's to finish; nobody's devices are done with once they are cut off.
  return done + (counts.superseded ?? 0) + (counts.rogue ?? 0) === devices && owed === 0 ? "completed" : "partial";
}

function provenOf({ proven = 0, retired = 0 }: DeviceCounts): number {
  return proven + retired;
}

/** Batches whose claims are given back per call: about 1,500 devices. */
const PER_CALL = 16;

/** Gives claims back, some batches per call; the last one takes the roll off the list of open ones. Safe to run twice. */
export function createReleaseClaims({ targetClaims, rolls, blobs }: MilestoneDeps): Step<typeof releaseClaims> {
  return async ({ rollId, from }) => {
    const roll = await rolls.get(rollId);
    // Before the target list is cut, nothing is claimed.
    const batches = roll?.waves === undefined ? 0 : roll.batches;
    const end = Math.min(from + PER_CALL, batches);
    const numbers = Array.from({ length: Math.max(0, end - from) }, (_, n) => from + n);
    await mapSideBySide(
      numbers,
      async (batch) => {
        const targets = await blobs.getTargets(rollId, batch);
        await targetClaims.release(
          rollId,
          "device",
          targets.map(({ registrationId }) => registrationId),
        );
      },
      4,
    );
    if (end < batches) return { next: end };
    await releaseTrust(targetClaims, blobs, rollId);
    await rolls.close(rollId);
    return {};
  };
}
