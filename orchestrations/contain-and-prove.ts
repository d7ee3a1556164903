import type { OrchestrationContext } from "durable-functions";
import { noteContained } from "../shared/contract/activities";
import * as contract from "../shared/contract/orchestrations";
import { treatResidue } from "../shared/contract/residual-access";
import { call, child, childAll, childCall, input, type Orchestration } from "./durable";

/** Contains, notes it and proves: what a breach does with the devices it may cut off, while others wait for an approval. */
export function* containAndProve(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, pace, moves } = input(ctx, contract.containAndProve);
  yield* child(ctx, contract.containFleet, { rollId, batches, next: 0, ...(moves === undefined ? {} : { moves }) });
  yield* call(ctx, noteContained, { rollId });
  yield* childAll(ctx, [
    childCall(contract.proveFleet, { rollId, batches, pace, nextRecheckAt: 0 }),
    childCall(treatResidue, { rollId, batches, next: 0 }),
  ]);
  return {};
}
