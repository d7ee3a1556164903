import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/reprovision";
import { continueAsNew, input, type Orchestration } from "./durable";
import { callEachPaced } from "./paced";
import { throughWindow } from "./through-window";

/**
 * Plans every batch, a window at a time; each window starts with an empty history. Devices that could not be judged after
 * a minute are left as they are: nothing is staged or sent for them.
 */
export function* planFleet(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, next: from } = input(ctx, contract.planFleet);
  const next = yield* throughWindow(ctx, { rollId, batches, next: from }, (window) =>
    callEachPaced(ctx, contract.planExpiry, window),
  );
  if (next !== undefined) continueAsNew(ctx, contract.planFleet, { rollId, batches, next });
  return {};
}
