import type { OrchestrationContext } from "durable-functions";
import { now, sleepUntil, type Orchestration } from "./durable";

/** Batches looked at at the same time. */
const SIDE_BY_SIDE = 8;
/** How often a window is asked for again: a minute in all. */
const TRIES = 5;
const FIRST_PAUSE_MS = 2_000;

interface BatchAt {
  readonly rollId: string;
  readonly batch: number;
}

/**
 * Looks at the next batches of a fleet side by side, and again at those where something is still `open`, for a minute at
 * most: who waits for no answer goes on without it. Answers where the next window begins; undefined after the last.
 */
export function* throughWindow(
  ctx: OrchestrationContext,
  { rollId, batches, next }: { readonly rollId: string; readonly batches: number; readonly next: number },
  look: (window: readonly BatchAt[]) => Orchestration<readonly { readonly open: number }[]>,
): Orchestration<number | undefined> {
  const end = Math.min(next + SIDE_BY_SIDE, batches);
  let window = Array.from({ length: Math.max(0, end - next) }, (_, at): BatchAt => ({ rollId, batch: next + at }));
  for (let round = 1; round <= TRIES && window.length > 0; round += 1) {
    if (round > 1) yield* sleepUntil(ctx, now(ctx) + FIRST_PAUSE_MS * 2 ** (round - 1));
    const looks = yield* look(window);
    window = window.filter((_, at) => (looks[at]?.open ?? 0) > 0);
  }
  return end < batches ? end : undefined;
}
