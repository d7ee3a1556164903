import type { RollId } from "../domain/ids";
import type { Clock, Entropy } from "../ports/clock";
import type { RollStarter } from "../ports/starter";
import type { ClaimStore, RollBlobs, RollStore } from "../ports/stores";
import { createAndStart, startKey } from "./accept-alert";

export interface SweepRollsDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly claims: ClaimStore;
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
  /** Younger open rolls are left to whoever is starting them. */
  readonly minAgeMs: number;
}

export interface Sweep {
  /** Rolls whose orchestration was missing, failed or terminated and was started again. */
  readonly restarted: readonly RollId[];
}

/**
 * Brings open rolls back to life: those whose start was cut off after the claim, and those whose orchestration failed, was
 * terminated or vanished. Every step of a playbook is safe to run twice, so that a fresh history picks up where things
 * are. A roll that never won its alert's claim is taken off the list: the alert has another roll, or will be sent again.
 */
export function createSweepRolls({
  clock,
  entropy,
  claims,
  rolls,
  blobs,
  minAgeMs,
}: SweepRollsDeps): (starter: RollStarter) => Promise<Sweep> {
  return async (starter) => {
    const restarted: RollId[] = [];
    for (const { rollId, since } of await rolls.listOpen()) {
      if (clock.now() - since < minAgeMs || (await starter.status(rollId)) === "running") continue;
      const request = await blobs.getRequest(rollId);
      const claim = await claims.findStart(startKey(entropy, request.source, request.alertId));
      const finished = (await rolls.get(rollId))?.phase === "finished";
      if (claim?.rollId !== rollId || finished) {
        await rolls.close(rollId);
      } else {
        await createAndStart({ rolls }, starter, rollId, request);
        restarted.push(rollId);
      }
    }
    return { restarted };
  };
}
