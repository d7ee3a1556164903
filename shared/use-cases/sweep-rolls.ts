import type { RollId } from "../domain/ids";
import { RollError } from "../domain/roll-error";
import type { Clock, Entropy } from "../ports/clock";
import type { ControlStore } from "../ports/control";
import type { RollStarter } from "../ports/starter";
import type { ClaimStore, RollBlobs, RollStore } from "../ports/stores";
import { createAndStart, startKey } from "./start-roll";

export interface SweepRollsDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly claims: ClaimStore;
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
  readonly control: ControlStore;
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
 * are. A roll that cannot be looked after delays no other; its error is thrown at the end. A roll that never won its alert's claim is taken off the list: the alert has another roll, or will be sent again.
 */
export function createSweepRolls({
  clock,
  entropy,
  claims,
  rolls,
  blobs,
  control,
  minAgeMs,
}: SweepRollsDeps): (starter: RollStarter) => Promise<Sweep> {
  const lookAfter = async (rollId: RollId, starter: RollStarter): Promise<boolean> => {
    if ((await starter.status(rollId)) === "running") return false;
    const request = await blobs.getRequest(rollId);
    const claim = await claims.findStart(startKey(entropy, request.source, request.alertId));
    const finished = (await rolls.get(rollId))?.phase === "finished";
    if (claim?.rollId !== rollId) {
      await rolls.close(rollId);
      return false;
    }
    // Cut off between its last phase and giving its devices back: only that is left to do.
    if (finished) await starter.finish(rollId);
    else await createAndStart({ rolls, control }, starter, rollId, request);
    return true;
  };
  return async (starter) => {
    const restarted: RollId[] = [];
    const failures: RollError[] = [];
    for (const { rollId, since } of await rolls.listOpen()) {
      if (clock.now() - since < minAgeMs) continue;
      try {
        if (await lookAfter(rollId, starter)) restarted.push(rollId);
      } catch (error) {
        // One roll that cannot be looked after must not keep the others waiting.
        if (!(error instanceof RollError)) throw error;
        failures.push(error);
      }
    }
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    return { restarted };
  };
}
