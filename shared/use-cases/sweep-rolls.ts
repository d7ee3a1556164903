import type { RollId } from "../domain/ids";
import type { Clock } from "../ports/clock";
import type { RollStarter } from "../ports/starter";
import type { RollBlobs, RollStore } from "../ports/stores";
import { createAndStart } from "./accept-alert";

export interface SweepRollsDeps {
  readonly clock: Clock;
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
 * terminated or vanished. Every step of a playbook is safe to run twice, so that a fresh history picks up where things are.
 * An open roll without a request, or one whose claim another request won, never started and is left off.
 */
export function createSweepRolls({
  clock,
  rolls,
  blobs,
  minAgeMs,
}: SweepRollsDeps): (starter: RollStarter) => Promise<Sweep> {
  return async (starter) => {
    const restarted: RollId[] = [];
    for (const { rollId, since } of await rolls.listOpen()) {
      if (clock.now() - since < minAgeMs) continue;
      const status = await starter.status(rollId);
      if (status === "running") continue;
      if ((await rolls.get(rollId))?.phase === "finished") {
        await rolls.close(rollId);
        continue;
      }
      await createAndStart({ rolls }, starter, rollId, await blobs.getRequest(rollId));
      restarted.push(rollId);
    }
    return { restarted };
  };
}
