import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/reprovision";
import { call, childEach, continueAsNew, input, type Orchestration } from "./durable";

/** Windows per execution; an activity and its children each. */
const WINDOWS = 5;

/**
 * One pass over the batches that want to be worked on, a window side by side. The list is asked for window by window: a
 * roll that is paused meanwhile has none.
 */
export function* reprovisionWave(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, from, to, all } = input(ctx, contract.reprovisionWave);
  let next: number | undefined = from;
  for (let window = 0; window < WINDOWS && next !== undefined; window += 1) {
    const due: { batches: number[]; next?: number | undefined } = yield* call(ctx, contract.dueBatches, {
      rollId,
      from: next,
      to,
      all,
    });
    yield* childEach(
      ctx,
      contract.reprovisionBatch,
      due.batches.map((batch) => ({ rollId, batch })),
    );
    next = due.next;
  }
  if (next !== undefined) continueAsNew(ctx, contract.reprovisionWave, { rollId, from: next, to, all });
  return {};
}
