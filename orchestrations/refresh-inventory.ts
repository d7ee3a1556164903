import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/inventory";
import { call, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";

/** Pieces per execution; then the history starts anew. */
const PIECES = 25;

/** Takes an inventory piece by piece: the cursor says what comes next, until there is none. */
export function* refreshInventory(ctx: OrchestrationContext): Orchestration<object> {
  const { inventoryId, startedAt, cursor } = input(ctx, contract.refreshInventory);
  let at = cursor;
  for (let piece = 1; piece <= PIECES; piece += 1) {
    const { next, waitMs } = yield* call(ctx, contract.takeInventory, { inventoryId, startedAt, cursor: at });
    if (next === undefined) return {};
    at = next;
    if (waitMs !== undefined) yield* sleepUntil(ctx, now(ctx) + waitMs);
  }
  continueAsNew(ctx, contract.refreshInventory, { inventoryId, startedAt, cursor: at });
  return {};
}
