import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { readControl, waitUntil } from "../shared/contract/control";
import * as contract from "../shared/contract/reprovision";
import type { Pace } from "../shared/contract/activities";
import { call, child, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";
import { callEachPaced } from "./paced";

/** Batches retired at the same time. */
const SIDE_BY_SIDE = 8;
/** Windows per execution. */
const WINDOWS = 5;
/** How often a window is asked for again; what is left over then is listed as kept. */
const TRIES = 5;

type Retired = z.output<typeof contract.retireFleet.output>;

/**
 * Takes the old leaves of proven devices out of their entries, a window of batches at a time. Devices of a group have no
 * entries of their own: they only drop their old keys. An outage that outlasts the tries leaves old leaves where they are,
 * which locks nobody out. A pause holds it before the next write; an abort ends it, and what is left keeps both.
 */
export function* retireFleet(ctx: OrchestrationContext): Orchestration<Retired> {
  const { rollId, progress } = input(ctx, contract.retireFleet);
  let { next, ...sums } = progress ?? { next: 0, retired: 0, kept: 0, regressed: 0 };
  const { batches, pace, retire } = yield* call(ctx, contract.readCourse, { rollId });
  if (retire === "never") return sums;
  for (let done = 0; done < WINDOWS && next < batches; done += 1) {
    const end = Math.min(next + SIDE_BY_SIDE, batches);
    const numbers = Array.from({ length: end - next }, (_, at) => next + at);
    const window = yield* retireWindow(ctx, rollId, numbers, pace);
    sums = add(sums, window.sums);
    if (window.aborted) return sums;
    next = end;
  }
  if (next < batches) continueAsNew(ctx, contract.retireFleet, { rollId, progress: { next, ...sums } });
  return sums;
}

function* retireWindow(
  ctx: OrchestrationContext,
  rollId: string,
  numbers: readonly number[],
  pace: z.output<typeof Pace>,
): Orchestration<{ readonly sums: Retired; readonly aborted: boolean }> {
  const last = new Map<number, Retired>();
  const so = (aborted: boolean) => ({ sums: [...last.values()].reduce(add, NONE), aborted });
  let left = numbers;
  for (let round = 1; round <= TRIES && left.length > 0; round += 1) {
    if (round > 1) yield* sleepUntil(ctx, now(ctx) + pace.pollMs);
    if (yield* isAborted(ctx, rollId, pace)) return so(true);
    const asked = left;
    const answers = yield* callEachPaced(
      ctx,
      contract.retireBatch,
      asked.map((batch) => ({ rollId, batch })),
    );
    for (const [at, batch] of asked.entries()) {
      const { retired, kept, regressed } = answers[at] ?? NONE;
      last.set(batch, { retired, kept, regressed });
    }
    left = asked.filter((_, at) => (answers[at]?.open ?? 0) > 0);
  }
  return so(false);
}

/** Waits while the roll is paused. */
function* isAborted(
  ctx: OrchestrationContext,
  rollId: string,
  { pollMs, deadline }: z.output<typeof Pace>,
): Orchestration<boolean> {
  const until = { notPaused: true as const };
  const { state } = yield* call(ctx, readControl, { rollId, until });
  if (state !== "waiting") return state === "aborted";
  const { reason } = yield* child(ctx, waitUntil, { rollId, until, pollMs, deadline });
  return reason === "aborted";
}

const NONE: Retired = { retired: 0, kept: 0, regressed: 0 };

function add(a: Retired, b: Retired): Retired {
  return { retired: a.retired + b.retired, kept: a.kept + b.kept, regressed: a.regressed + b.regressed };
}
