import type { OrchestrationContext } from "durable-functions";
import { recheckContained } from "../shared/contract/activities";
import * as contract from "../shared/contract/due";
import { containBatch } from "../shared/contract/orchestrations";
import { call, child, continueAsNew, input, type Orchestration } from "./durable";
import { callPaced } from "./paced";

/** Batches per execution; at most three activities and a containment each. */
const BATCHES = 12;

/**
 * Looks after the devices that a closed breach roll left contained: whoever holds an old key may still be trying, and what a
 * portal opens by mistake stays open until somebody looks.
 */
export function* recheckClosed(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, key, next = 0, batches: known } = input(ctx, contract.recheckClosed);
  const { batches } = known === undefined ? yield* call(ctx, contract.countBatches, { rollId }) : { batches: known };
  const end = Math.min(next + BATCHES, batches);
  for (let batch = next; batch < end; batch += 1) {
    const { mine } = yield* call(ctx, contract.reclaimBatch, { rollId, batch });
    if (mine > 0) {
      const { broken } = yield* callPaced(ctx, recheckContained, { rollId, batch });
      if (broken > 0) yield* child(ctx, containBatch, { rollId, batch });
    }
    yield* call(ctx, contract.releaseBatch, { rollId, batch });
  }
  if (end < batches) {
    continueAsNew(ctx, contract.recheckClosed, { rollId, key, next: end, batches });
    return {};
  }
  return yield* call(ctx, contract.settleDue, { rollId, key });
}
