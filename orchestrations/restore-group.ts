import type { OrchestrationContext } from "durable-functions";
import { enterPhase } from "../shared/contract/activities";
import { judgeSuccessor } from "../shared/contract/authority-activities";
import { rollAuthority } from "../shared/contract/authority-orchestrations";
import { restoreGroup as contract } from "../shared/contract/group-breach";
import { planRoll } from "../shared/contract/plan";
import { call, child, input, type Orchestration } from "./durable";

/**
 * Plans what follows containment, then brings the new CA in. Where that is refused or stopped the group stays closed, and
 * devices wait for another roll.
 */
export function* restoreGroup(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches } = input(ctx, contract);
  yield* call(ctx, judgeSuccessor, { rollId });
  const { decision } = yield* child(ctx, planRoll, { rollId, batches });
  if (decision === "go") yield* child(ctx, rollAuthority, { rollId });
  yield* call(ctx, enterPhase, { rollId, phase: "awaiting" });
  return {};
}
