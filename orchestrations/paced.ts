import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import type { ActivityContract } from "../shared/contract/activity";
import type { PacedInput, PacedOutput } from "../shared/contract/pacing";
import { call, callEach, sleepUntil, type Orchestration } from "./durable";

/** Turns per call; an activity that is still turned away answers so, and its caller may continue as new. */
const TURNS = 20;

/**
 * Calls an activity that reserves quota before it works, and sleeps as often as it is told to wait. The answer still has
 * `wait` in it if the activity was turned away twenty times.
 */
export function* callPaced<
  I extends z.ZodType<PacedInput, z.input<typeof PacedInput>>,
  O extends z.ZodType<PacedOutput>,
>(ctx: OrchestrationContext, contract: ActivityContract<I, O>, input: z.input<I>): Orchestration<z.output<O>> {
  return yield* paced(ctx, contract, input, yield* call(ctx, contract, input));
}

/** Calls one per input at the same time; who is told to wait is called again one by one, in order. */
export function* callEachPaced<
  I extends z.ZodType<PacedInput, z.input<typeof PacedInput>>,
  O extends z.ZodType<PacedOutput>,
>(
  ctx: OrchestrationContext,
  contract: ActivityContract<I, O>,
  inputs: readonly z.input<I>[],
): Orchestration<z.output<O>[]> {
  const answers = yield* callEach(ctx, contract, inputs);
  const results: z.output<O>[] = [];
  for (const [at, input] of inputs.entries()) {
    const first = answers[at];
    if (first !== undefined) results.push(yield* paced(ctx, contract, input, first));
  }
  return results;
}

function* paced<I extends z.ZodType<PacedInput, z.input<typeof PacedInput>>, O extends z.ZodType<PacedOutput>>(
  ctx: OrchestrationContext,
  contract: ActivityContract<I, O>,
  input: z.input<I>,
  first: z.output<O>,
): Orchestration<z.output<O>> {
  let answer = first;
  for (let turn = 1; turn < TURNS && answer.wait !== undefined; turn += 1) {
    const { until, ticket } = answer.wait;
    yield* sleepUntil(ctx, until);
    answer = yield* call(ctx, contract, { ...input, ticket });
  }
  return answer;
}
