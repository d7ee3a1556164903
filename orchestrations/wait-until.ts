import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import * as contract from "../shared/contract/control";
import { call, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";

/** Looks per execution; one activity and one timer each. */
const LOOKS = 40;

/**
 * Waits for operators, windows and deadlines. What they want stands in a row, not in an event: a row cannot be lost, can be
 * read in every phase, and says the same to a roll that was started anew.
 */
export function* waitUntil(ctx: OrchestrationContext): Orchestration<z.input<typeof contract.waitUntil.output>> {
  const wait = input(ctx, contract.waitUntil);
  const { rollId, until, retriesSeen, pollMs, deadline = Infinity } = wait;
  const watched = { rollId, until, ...(retriesSeen === undefined ? {} : { retriesSeen }) };
  let retries = 0;
  for (let look = 1; look <= LOOKS; look += 1) {
    const seen = yield* call(ctx, contract.readControl, watched);
    retries = seen.retries;
    if (seen.state !== "waiting") return { reason: seen.state, retries };
    if (now(ctx) >= deadline) return { reason: "deadline", retries };
    yield* sleepUntil(ctx, Math.min(now(ctx) + pollMs, deadline));
  }
  continueAsNew(ctx, contract.waitUntil, wait);
  return { reason: "deadline", retries };
}
