import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { enterPhase } from "../shared/contract/activities";
import { judgeSuccessor, stageAuthority } from "../shared/contract/authority-activities";
import { proveRootOwnership, retireAuthority } from "../shared/contract/authority-orchestrations";
import * as contract from "../shared/contract/orchestrations";
import { planRoll } from "../shared/contract/plan";
import { planFleet, readCourse, reprovisionFleet, retireFleet } from "../shared/contract/reprovision";
import { call, child, input, type Orchestration } from "./durable";
import { endedBy } from "./plan-roll";
import { untilTaken } from "./until-taken";

/** How often devices that went back to their old leaf get another chance. */
const ROUNDS = 3;

type End = z.output<typeof contract.groupExpiry.output>;
type Outcome = End["outcome"];

/**
 * A CA of an enrollment group, or the leaves below it, run out.
 *
 * The new CA is proven, then stands in the group beside the old one: both let devices in, so that nobody is cut off. Wave by
 * wave devices register with leaves of the new chain and are proven. Only when nobody needs the old CA does it leave the
 * group, then DPS. Where only leaves run out, DPS is not touched at all.
 */
export function* groupExpiry(ctx: OrchestrationContext): Orchestration<End> {
  const { rollId } = input(ctx, contract.groupExpiry);
  const { batches } = yield* child(ctx, contract.openFleet, { rollId });
  const judged = yield* call(ctx, judgeSuccessor, { rollId });
  if (judged.outcome !== "refused") {
    const { judges } = yield* call(ctx, readCourse, { rollId });
    if (judges === true) yield* child(ctx, planFleet, { rollId, batches, next: 0 });
  }
  const { decision } = yield* child(ctx, planRoll, { rollId, batches });
  if (decision !== "go") return yield* close(ctx, rollId, endedBy(decision).outcome);
  if (judged.outcome === "refused") return yield* close(ctx, rollId, "refused");
  if (judged.outcome === "ready") {
    const stopped = yield* stage(ctx, rollId, judged.mustProve);
    if (stopped !== undefined) return yield* close(ctx, rollId, stopped);
  }
  yield* call(ctx, enterPhase, { rollId, phase: "rolling" });
  for (let round = 1; round <= ROUNDS; round += 1) {
    const { ended } = yield* child(ctx, reprovisionFleet, { rollId });
    if (ended === "aborted") return yield* close(ctx, rollId, "aborted");
    yield* call(ctx, enterPhase, { rollId, phase: "retiring" });
    const { regressed } = yield* child(ctx, retireFleet, { rollId });
    if (regressed === 0 || ended === "deadline") break;
  }
  if (judged.outcome === "not-needed") return yield* close(ctx, rollId);
  const { outcome } = yield* child(ctx, retireAuthority, { rollId });
  return yield* close(ctx, rollId, outcome === "in-group" ? "partial" : undefined);
}

/** Brings the new CA in beside the old one; answers how the roll ends where that is not to be. Nobody is cut off by it. */
function* stage(ctx: OrchestrationContext, rollId: string, mustProve: boolean): Orchestration<Outcome | undefined> {
  const { pace } = yield* call(ctx, enterPhase, { rollId, phase: "staging" });
  if (mustProve) {
    const { outcome } = yield* child(ctx, proveRootOwnership, { rollId, pace });
    if (outcome === "deadline") return "partial";
    if (outcome !== "verified") return outcome;
  }
  const { outcome } = yield* untilTaken(ctx, stageAuthority, rollId, pace);
  return outcome === "refused" ? "refused" : undefined;
}

function* close(ctx: OrchestrationContext, rollId: string, outcome?: Outcome): Orchestration<End> {
  return yield* child(ctx, contract.closeFleet, { rollId, ...(outcome === undefined ? {} : { outcome }) });
}
