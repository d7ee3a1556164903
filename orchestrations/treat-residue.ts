import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/residual-access";
import { continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";
import { callEachPaced } from "./paced";

/** Batches looked at at the same time. */
const SIDE_BY_SIDE = 8;
/** How often a window is asked for again where a hub did not answer, or had no quota left. */
const TRIES = 5;
const FIRST_PAUSE_MS = 2_000;

/**
 * A device that is contained may have modules, whose credentials are their own. Nobody waits for what is found here: a
 * window that cannot be looked at in a minute stays unexamined, and its devices say so.
 */
export function* treatResidue(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, next } = input(ctx, contract.treatResidue);
  const end = Math.min(next + SIDE_BY_SIDE, batches);
  let window = Array.from({ length: Math.max(0, end - next) }, (_, at) => ({ rollId, batch: next + at }));
  for (let round = 1; round <= TRIES && window.length > 0; round += 1) {
    if (round > 1) yield* sleepUntil(ctx, now(ctx) + FIRST_PAUSE_MS * 2 ** (round - 1));
    const looks = yield* callEachPaced(ctx, contract.treatModules, window);
    window = window.filter((_, at) => (looks[at]?.open ?? 0) > 0);
  }
  if (end < batches) continueAsNew(ctx, contract.treatResidue, { rollId, batches, next: end });
  return {};
}
