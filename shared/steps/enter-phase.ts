import type { enterPhase } from "../contract/activities";
import type { RollId } from "../domain/ids";
import { instant, type Instant } from "../domain/instant";
import { isProblem } from "../domain/outcome";
import { EXPIRY_MARGIN_MS } from "../domain/pacing/windows";
import { addSummaries } from "../domain/roll/batch-summary";
import { nextPhaseOf } from "../domain/roll/phases";
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
    const end = wanted === "rolling" ? await endOfRolling(rolls, rollId, timing.deadline) : undefined;
    const { phase, deadline = timing.deadline } = await rolls.update(rollId, (roll) => {
      const next = nextPhaseOf(roll, wanted);
      if (typeof next === "object" && isProblem(next)) throw new Error(next.detail);
      return {
        ...roll,
        ...(end === undefined ? {} : { deadline: roll.deadline ?? end(roll.requestedAt) }),
        phase: next,
      };
    });
    const { pollMs, recheckMs } = timing;
    const moves = containment === "reprovision" ? { moves: true } : {};
    return { phase, pace: { pollMs, recheckMs, deadline }, ...moves };
  };
}

/**
 * A day before the first certificate runs out somebody must still be able to act. A roll that was asked for later than that
 * has its own deadline only.
 */
async function endOfRolling(
  rolls: RollStore,
  rollId: RollId,
  deadline: Instant,
): Promise<(requestedAt: Instant) => Instant> {
  const { oldEndsAt } = addSummaries(await rolls.readSummaries(rollId));
  return (requestedAt) => {
    const dayBefore = oldEndsAt === undefined ? deadline : oldEndsAt - EXPIRY_MARGIN_MS;
    return dayBefore > requestedAt && dayBefore < deadline ? instant(dayBefore) : deadline;
  };
}
