import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { judgeSuccessor } from "../shared/contract/authority-activities";
import { closeFleet, openFleet } from "../shared/contract/orchestrations";
import * as contract from "../shared/contract/plan";
import { planFleet, readCourse } from "../shared/contract/reprovision";
import { call, child, input, type Orchestration } from "./durable";

/**
 * A dry run. It is an orchestration of its own and not a branch in each playbook, so that it cannot write: nothing that it
 * calls does.
 */
export function* rehearseRoll(ctx: OrchestrationContext): Orchestration<z.output<typeof contract.rehearseRoll.output>> {
  const { rollId, playbook } = input(ctx, contract.rehearseRoll);
  const { batches } = yield* child(ctx, openFleet, { rollId });
  if (playbook === "individual-expiry") yield* child(ctx, planFleet, { rollId, batches, next: 0 });
  if (playbook === "group-breach" || playbook === "group-expiry") yield* call(ctx, judgeSuccessor, { rollId });
  if (playbook === "group-expiry") {
    const { judges } = yield* call(ctx, readCourse, { rollId });
    if (judges === true) yield* child(ctx, planFleet, { rollId, batches, next: 0 });
  }
  yield* child(ctx, contract.planRoll, { rollId, batches });
  return yield* child(ctx, closeFleet, { rollId, outcome: "planned" });
}
