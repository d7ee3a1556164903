import type { openRoll } from "../contract/activities";
import { factPartition } from "../domain/device-facts";
import { DeviceId, type RegistrationId, type RollId } from "../domain/ids";
import { BATCH_SIZE } from "../domain/roll/batch";
import { countStates } from "../domain/roll/device-state";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollTarget } from "../domain/roll/request";
import type { BatchStore, ClaimStore, RollBlobs, RollStore } from "../ports/stores";
import type { Step } from "./step";

export interface OpenRollDeps {
  readonly claims: ClaimStore;
  readonly rolls: RollStore;
  readonly batches: BatchStore;
  readonly blobs: RollBlobs;
}

/**
 * Cuts the target list into batches and claims the devices. Safe to run twice: list and batches are written once, and what
 * the first run wrote stands. Nothing is read from Azure here, so that nothing there can delay containment.
 */
export function createOpenRoll({ claims, rolls, batches, blobs }: OpenRollDeps): Step<typeof openRoll> {
  return async ({ rollId }) => {
    const { targets, timing } = await blobs.getRequest(rollId);
    const ordered = inOrder(targets);
    const holders = await claims.claimTargets(
      rollId,
      ordered.map((target) => target.registrationId),
    );
    const slices = Array.from({ length: Math.ceil(ordered.length / BATCH_SIZE) }, (_, batch) =>
      ordered.slice(batch * BATCH_SIZE, (batch + 1) * BATCH_SIZE),
    );
    for (const [batch, slice] of slices.entries()) {
      const rows = slice.map((target) => newRow(target, holders.get(target.registrationId)));
      await blobs.putTargets(rollId, batch, slice);
      if (await batches.create(rollId, batch, rows)) await rolls.putCounts(rollId, batch, countStates(rows));
    }
    await rolls.update(rollId, (roll) => (roll.phase === "requested" ? { ...roll, phase: "containing" } : roll));
    const { pollMs, recheckMs, deadline } = timing;
    return { batches: slices.length, pace: { pollMs, recheckMs, deadline } };
  };
}

/** By facts partition, then by id: a batch's devices lie close together where their heartbeats are read. */
function inOrder(targets: readonly RollTarget[]): RollTarget[] {
  const unique = new Map(targets.map((target) => [target.registrationId, target]));
  const partition = (id: RegistrationId): number => factPartition(DeviceId.parse(id));
  return [...unique.values()].sort(
    (a, b) =>
      partition(a.registrationId) - partition(b.registrationId) || (a.registrationId < b.registrationId ? -1 : 1),
  );
}

function newRow(target: RollTarget, holder: RollId | undefined): DeviceRow {
  return {
    registrationId: target.registrationId,
    compromisedSlots: target.compromisedSlots,
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
