/**
 * The only file here that touches the Durable SDK's surface or `Date`. What it offers is the subset of durable-functions
 * 3.5.0 that replays the same way in worker and host: single tasks or a fresh `Task.all`, timers of at most three days,
 * objects into continueAsNew.
 */
import type { OrchestrationContext, Task } from "durable-functions";
import type { z } from "zod";
import { ActivityReply, type ActivityContract, type OrchestrationContract } from "../shared/contract/activity";

/** A deterministic workflow body that ends with `T`. */
export type Orchestration<T> = Generator<Task, T, unknown>;

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** Some twenty minutes of one outage; then the instance fails and the sweeper starts it again with an empty history. */
const MAX_TRIES = 25;
const LONGEST_TIMER_MS = 3 * 24 * 60 * 60 * 1_000;

/** Runs one activity until it is done: an outage is waited out, an error in the activity ends the orchestration. */
export function* call<I extends z.ZodType, O extends z.ZodType>(
  ctx: OrchestrationContext,
  contract: ActivityContract<I, O>,
  input: z.input<I>,
): Orchestration<z.output<O>> {
  for (let tries = 1; ; tries += 1) {
    const reply = ActivityReply.parse(yield ctx.df.callActivity(contract.name, contract.input.parse(input)));
    switch (reply.outcome) {
      case "done":
        return contract.output.parse(reply.value);
      case "unavailable":
        if (tries === MAX_TRIES)
          throw new Error(`${contract.name}: ${reply.code} after ${tries} tries: ${reply.detail}`);
        yield* sleepUntil(ctx, now(ctx) + retryDelay(tries, reply.retryAfterMs));
        break;
      default:
        reply satisfies never;
    }
  }
}

/** Runs one activity per input at the same time; results keep the order of `inputs`. Latecomers are retried one by one. */
export function* callEach<I extends z.ZodType, O extends z.ZodType>(
  ctx: OrchestrationContext,
  contract: ActivityContract<I, O>,
  inputs: readonly z.input<I>[],
): Orchestration<z.output<O>[]> {
  if (inputs.length === 0) return [];
  const tasks = inputs.map((input) => ctx.df.callActivity(contract.name, contract.input.parse(input)));
  const replies = (yield ctx.df.Task.all(tasks)) as unknown[];
  const results: z.output<O>[] = [];
  for (const [at, input] of inputs.entries()) {
    const reply = ActivityReply.parse(replies[at]);
    results.push(reply.outcome === "done" ? contract.output.parse(reply.value) : yield* call(ctx, contract, input));
  }
  return results;
}

/** Runs a sub-orchestration on the parent's version. Its instance id is the host's choice: unique per execution. */
export function* child<I extends z.ZodType, O extends z.ZodType>(
  ctx: OrchestrationContext,
  contract: OrchestrationContract<I, O>,
  input: z.input<I>,
): Orchestration<z.output<O>> {
  return contract.output.parse(yield start(ctx, contract, input));
}

/** Runs one sub-orchestration per input at the same time. At most 90 inputs. */
export function* childEach<I extends z.ZodType, O extends z.ZodType>(
  ctx: OrchestrationContext,
  contract: OrchestrationContract<I, O>,
  inputs: readonly z.input<I>[],
): Orchestration<void> {
  if (inputs.length > 0) yield ctx.df.Task.all(inputs.map((input) => start(ctx, contract, input)));
}

/** A sub-orchestration that is yet to be started, see {@link childAll}. */
export interface ChildCall {
  readonly name: string;
  readonly input: unknown;
}

export function childCall<I extends z.ZodType, O extends z.ZodType>(
  contract: OrchestrationContract<I, O>,
  given: z.input<I>,
): ChildCall {
  return { name: contract.name, input: contract.input.parse(given) };
}

/** Runs sub-orchestrations of different kinds at the same time, until all have ended. */
export function* childAll(ctx: OrchestrationContext, calls: readonly ChildCall[]): Orchestration<void> {
  yield ctx.df.Task.all(
    calls.map(({ name, input }) => ctx.df.callSubOrchestrator(name, input, undefined, ctx.df.version)),
  );
}

/** Runs two sub-orchestrations of different kinds at the same time, until both have ended. */
export function* childPair<I extends z.ZodType, O extends z.ZodType, J extends z.ZodType, P extends z.ZodType>(
  ctx: OrchestrationContext,
  [first, firstInput]: readonly [OrchestrationContract<I, O>, z.input<I>],
  [second, secondInput]: readonly [OrchestrationContract<J, P>, z.input<J>],
): Orchestration<void> {
  yield ctx.df.Task.all([start(ctx, first, firstInput), start(ctx, second, secondInput)]);
}

/** Current orchestration time, epoch milliseconds UTC; the same on every replay. */
export function now(ctx: OrchestrationContext): number {
  return ctx.df.currentUtcDateTime.getTime();
}

/** Resumes at or after `atMs`, epoch milliseconds UTC; at once if that has passed. Long waits are cut into timers of three days. */
export function* sleepUntil(ctx: OrchestrationContext, atMs: number): Orchestration<void> {
  while (now(ctx) < atMs) {
    yield ctx.df.createTimer(new Date(Math.min(atMs, now(ctx) + LONGEST_TIMER_MS)));
  }
}

/** Ends this execution and begins the next with an empty history. Return at once after it. */
export function continueAsNew<I extends z.ZodType, O extends z.ZodType>(
  ctx: OrchestrationContext,
  contract: OrchestrationContract<I, O>,
  input: z.input<I> & object,
): void {
  ctx.df.continueAsNew(contract.input.parse(input));
}

/** The input of this execution, read by contract. */
export function input<I extends z.ZodType, O extends z.ZodType>(
  ctx: OrchestrationContext,
  contract: OrchestrationContract<I, O>,
): z.output<I> {
  return contract.input.parse(ctx.df.getInput());
}

function start<I extends z.ZodType, O extends z.ZodType>(
  ctx: OrchestrationContext,
  contract: OrchestrationContract<I, O>,
  given: z.input<I>,
): Task {
  // A build that knows a newer version must not run the children of an older parent by the new rules.
  return ctx.df.callSubOrchestrator(contract.name, contract.input.parse(given), undefined, ctx.df.version);
}

function retryDelay(tries: number, wished: number | undefined): number {
  return Math.max(wished ?? 0, Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), LONGEST_RETRY_MS));
}
