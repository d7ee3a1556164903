import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/reprovision";
import { continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";
import { callEachPaced } from "./paced";

/** Batches planned at the same time. */
const SIDE_BY_SIDE = 8;
/** How often a window is asked for again where entries could not be read. */
const TRIES = 5;
const FIRST_PAUSE_MS = 2_000;

/**
 * Plans every batch, a window at a time; each window starts with an empty history. Devices that could not be judged after
 * a minute are left as they are: nothing is staged or sent for them.
 */
export function* planFleet(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, next } = input(ctx, contract.planFleet);
  const end = Math.min(next + SIDE_BY_SIDE, batches);
  let window = Array.from({ length: Math.max(0, end - next) }, (_, at) => ({ rollId, batch: next + at }));
  for (let round = 1; round <= TRIES && window.length > 0; round += 1) {
    if (round > 1) yield* sleepUntil(ctx, now(ctx) + FIRST_PAUSE_MS * 2 ** (round - 1));
    const plans = yield* callEachPaced(ctx, contract.planExpiry, window);
    window = window.filter((_, at) => (plans[at]?.open ?? 0) > 0);
  }
  if (end < batches) continueAsNew(ctx, contract.planFleet, { rollId, batches, next: end });
  return {};
}
