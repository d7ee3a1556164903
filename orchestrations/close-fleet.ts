import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { closeRoll, releaseClaims } from "../shared/contract/activities";
import { keepEvidence } from "../shared/contract/evidence";
import * as contract from "../shared/contract/orchestrations";
import { call, child, continueAsNew, input, type Orchestration } from "./durable";

/** Groups of batches per execution; then the history starts anew. */
const GROUPS = 40;

/** Ends a roll. What it counted and its report stand before the first device is free for another roll. */
export function* closeFleet(ctx: OrchestrationContext): Orchestration<z.output<typeof contract.closeFleet.output>> {
  const { rollId, outcome: decided, progress } = input(ctx, contract.closeFleet);
  const closing = { rollId, ...(decided === undefined ? {} : { outcome: decided }) };
  const { outcome, proven } = progress ?? (yield* call(ctx, closeRoll, closing));
  if (progress === undefined) yield* child(ctx, keepEvidence, { rollId });
  let next: number | undefined = progress?.from ?? 0;
  for (let group = 0; group < GROUPS && next !== undefined; group += 1) {
    ({ next } = yield* call(ctx, releaseClaims, { rollId, from: next }));
  }
  if (next !== undefined)
    continueAsNew(ctx, contract.closeFleet, { ...closing, progress: { outcome, proven, from: next } });
  return { outcome, proven };
}
