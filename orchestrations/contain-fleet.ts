import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/orchestrations";
import { childEach, continueAsNew, input, type Orchestration } from "./durable";

/** Batches contained at the same time: enough to be fast, few enough not to starve other rolls. */
const SIDE_BY_SIDE = 8;

/** Contains every batch of a roll, a window at a time; each window starts with an empty history. */
export function* containFleet(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, next, moves } = input(ctx, contract.containFleet);
  const how = moves === undefined ? {} : { moves };
  const end = Math.min(next + SIDE_BY_SIDE, batches);
  const window = Array.from({ length: Math.max(0, end - next) }, (_, at) => ({ rollId, batch: next + at, ...how }));
  yield* childEach(ctx, contract.containBatch, window);
  if (end < batches) continueAsNew(ctx, contract.containFleet, { rollId, batches, next: end, ...how });
  return {};
}
