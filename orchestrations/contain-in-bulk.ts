import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/import-containment";
import { call, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";

/** Pieces per execution; then the history starts anew. */
const PIECES = 25;

/** Goes from piece to piece until there is nothing more to do in bulk. */
export function* containInBulk(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, cursor: begun } = input(ctx, contract.containInBulk);
  let cursor = begun;
  for (let piece = 0; piece < PIECES; piece += 1) {
    const at = cursor === undefined ? {} : { cursor };
    const { next, waitMs = 0 } = yield* call(ctx, contract.moveInBulk, { rollId, batches, ...at });
    if (next === undefined) return {};
    if (waitMs > 0) yield* sleepUntil(ctx, now(ctx) + waitMs);
    cursor = next;
  }
  continueAsNew(ctx, contract.containInBulk, { rollId, batches, ...(cursor === undefined ? {} : { cursor }) });
  return {};
}
