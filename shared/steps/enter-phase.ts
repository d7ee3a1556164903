import type { enterPhase } from "../contract/activities";
import { isProblem } from "../domain/outcome";
import { nextPhase } from "../domain/roll/phases";
import type { RollBlobs, RollStore } from "../ports/stores";
import type { Step } from "./step";

export interface EnterPhaseDeps {
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
}

/** Moves the header on. A phase that does not follow is a bug of the orchestrator, and ends it. */
export function createEnterPhase({ rolls, blobs }: EnterPhaseDeps): Step<typeof enterPhase> {
  return async ({ rollId, phase: wanted }) => {
    const { timing, containment } = await blobs.getRequest(rollId);
    const { phase } = await rolls.update(rollId, (roll) => {
      const next = nextPhase(roll.playbook, roll.phase, wanted);
      if (typeof next === "object" && isProblem(next)) throw new Error(next.detail);
      return { ...roll, phase: next };
    });
    const { pollMs, recheckMs, deadline } = timing;
    const moves = containment === "reprovision" ? { moves: true } : {};
    return { phase, pace: { pollMs, recheckMs, deadline }, ...moves };
  };
}
