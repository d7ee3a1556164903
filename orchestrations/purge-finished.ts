import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/purge";
import { call, continueAsNew, input, type Orchestration } from "./durable";

/** Pieces per execution; then the history starts anew. */
const PIECES = 25;

/** Goes through all rolls, newest first, and takes away what has outlived its time. */
export function* purgeFinished(ctx: OrchestrationContext): Orchestration<{ purged: number }> {
  const { purged: before, after, ...moments } = input(ctx, contract.purgeFinished);
  let purged = before;
  let at: { after?: typeof after } = after === undefined ? {} : { after };
  for (let piece = 1; piece <= PIECES; piece += 1) {
    const done = yield* call(ctx, contract.purgeRolls, { ...moments, ...at });
    purged += done.purged;
    if (done.next === undefined) return { purged };
    at = done.next;
  }
  continueAsNew(ctx, contract.purgeFinished, { ...moments, ...at, purged });
  return { purged };
}
