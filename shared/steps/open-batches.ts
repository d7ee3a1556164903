import type { openBatches } from "../contract/activities";
import type { RollId } from "../domain/ids";
import { summarize } from "../domain/roll/batch-summary";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollTarget } from "../domain/roll/request";
import type { BatchStore, ClaimStore, RollBlobs, RollStore } from "../ports/stores";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface OpenBatchesDeps {
  readonly claims: ClaimStore;
  readonly rolls: RollStore;
  readonly batches: BatchStore;
  readonly blobs: RollBlobs;
}

/** Batches opened per call: about 1,500 devices. */
const PER_CALL = 16;

/**
 * Creates batches with their rows and claims the devices. Safe to run twice: a batch is written once, and what the first run
 * wrote stands. Nothing is read from Azure here, so that nothing there can delay containment.
 */
export function createOpenBatches({ claims, rolls, batches, blobs }: OpenBatchesDeps): Step<typeof openBatches> {
  return async ({ rollId, from, batches: total }) => {
    const end = Math.min(from + PER_CALL, total);
    const numbers = Array.from({ length: Math.max(0, end - from) }, (_, n) => from + n);
    await mapSideBySide(
      numbers,
      async (batch) => {
        const targets = await blobs.getTargets(rollId, batch);
        const holders = await claims.claimTargets(
          rollId,
          targets.map((target) => target.registrationId),
        );
        const rows = targets.map((target) => newRow(target, holders.get(target.registrationId)));
        if (await batches.create(rollId, batch, rows)) await rolls.putSummary(rollId, summarize(batch, rows));
      },
      4,
    );
    return end < total ? { next: end } : {};
  };
}

function newRow(target: RollTarget, holder: RollId | undefined): DeviceRow {
  const { registrationId, compromisedSlots, deviceId, assignedHub } = target;
  return {
    registrationId,
    compromisedSlots,
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(assignedHub === undefined ? {} : { assignedHub }),
    bad: [],
    allowed: [],
    warnings: [],
    entry: { state: "open", disabled: false },
    hubs: {},
    rereads: 0,
    broken: 0,
    attempts: 0,
    ...(holder === undefined ? {} : { skipped: `claimed-by ${holder}` }),
  };
}
