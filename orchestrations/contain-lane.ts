import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/orchestrations";
import { child, continueAsNew, input, type Orchestration } from "./durable";

/** Batches per execution. */
const BATCHES = 25;

/** Contains every so many-th batch, one after another. */
export function* containLane(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, next, stride, moves } = input(ctx, contract.containLane);
  const how = moves === undefined ? {} : { moves };
  const end = Math.min(batches, next + BATCHES * stride);
  for (let batch = next; batch < end; batch += stride)
    yield* child(ctx, contract.containBatch, { rollId, batch, ...how });
  const rest = next + BATCHES * stride;
  if (rest < batches) continueAsNew(ctx, contract.containLane, { rollId, batches, next: rest, stride, ...how });
  return {};
}
