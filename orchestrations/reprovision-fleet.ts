import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { waitUntil } from "../shared/contract/control";
import * as contract from "../shared/contract/reprovision";
import { call, child, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";

/** Passes per execution; some six actions each. */
const PASSES = 8;

type End = z.output<typeof contract.reprovisionFleet.output>;
type Progress = NonNullable<z.input<typeof contract.reprovisionFleet.input>["progress"]>;
type Wave = z.output<typeof contract.readWave.output>;

/**
 * Takes a fleet over wave by wave. Before each pass: is the roll running, a window open, the wave approved? After it: may
 * the next wave begin, is more time needed, or has it gone so badly that a person must look (the brake)? When the last wave
 * has succeeded, the rest is waited for until nobody is missing, or the deadline has come.
 */
export function* reprovisionFleet(ctx: OrchestrationContext): Orchestration<End> {
  const { rollId, progress: before } = input(ctx, contract.reprovisionFleet);
  const course = yield* call(ctx, contract.readCourse, { rollId });
  let progress: Progress = before ?? { wave: 0, forgiven: 0, lookAt: now(ctx) + course.pace.recheckMs, retries: 0 };
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const next = yield* onePass(ctx, rollId, course, progress);
    if ("ended" in next) return next;
    progress = next;
  }
  continueAsNew(ctx, contract.reprovisionFleet, { rollId, progress });
  return { ended: "all-done" };
}

function* onePass(
  ctx: OrchestrationContext,
  rollId: string,
  { waves, batches, pace }: contract.Course,
  progress: Progress,
): Orchestration<End | Progress> {
  const number = progress.wave < waves ? progress.wave : undefined;
  const wave = number === undefined ? undefined : yield* call(ctx, contract.readWave, { rollId, wave: number });
  const gate = yield* child(ctx, waitUntil, {
    rollId,
    until: { notPaused: true, windowOpen: true, ...approval(wave, number) },
    pollMs: pace.pollMs,
    deadline: Math.min(pace.deadline, now(ctx) + pace.recheckMs),
  });
  if (gate.reason === "aborted") return { ended: "aborted" };
  if (now(ctx) >= pace.deadline) return { ended: "deadline" };
  if (gate.reason === "deadline") {
    // Nothing may be sent, but who was told already may have answered.
    yield* child(ctx, contract.reprovisionWave, {
      rollId,
      from: 0,
      to: begunUntil(wave, batches, progress),
      all: false,
    });
    return progress;
  }

  const startedAt = progress.startedAt ?? now(ctx);
  const all = now(ctx) >= progress.lookAt;
  const to = wave === undefined ? batches : wave.firstBatch + wave.batches;
  yield* child(ctx, contract.reprovisionWave, { rollId, from: 0, to, all });
  const lookAt = all ? now(ctx) + pace.recheckMs : progress.lookAt;
  const begun = { ...progress, startedAt, lookAt };

  const { forgiven } = progress;
  const weighed = { rollId, startedAt, forgiven, ...(number === undefined ? {} : { wave: number }) };
  const { verdict, reason, failed, dueAt } = yield* call(ctx, contract.weigh, weighed);
  switch (verdict) {
    case "go-on":
      if (number === undefined) return { ended: "all-done" };
      return { wave: number + 1, forgiven: 0, lookAt, retries: progress.retries };
    case "brake": {
      if (number !== undefined && reason !== undefined)
        yield* call(ctx, contract.brakeRoll, { rollId, wave: number, startedAt, reason });
      // Whoever lets the roll go on has seen these failures; and the hour begins anew.
      const { startedAt: _startedAt, ...resumed } = begun;
      return { ...resumed, forgiven: failed };
    }
    case "wait":
      return {
        ...begun,
        retries: yield* pauseUntil(ctx, rollId, pace, progress.retries, Math.min(dueAt ?? lookAt, lookAt)),
      };
    default:
      return verdict satisfies never;
  }
}

/** The first batch that nothing may have been sent to: a wave that waits for approval is not begun by looking. */
function begunUntil(wave: Wave | undefined, batches: number, { startedAt }: Progress): number {
  if (wave === undefined) return batches;
  return wave.gate === "auto" || startedAt !== undefined ? wave.firstBatch + wave.batches : wave.firstBatch;
}

function approval(wave: Wave | undefined, number: number | undefined) {
  if (wave?.gate !== "approval" || number === undefined) return {};
  return { approved: [{ kind: "wave" as const, wave: number }] };
}

/** Until something is due, at least one poll; a person who aborts or asks for a retry cuts it short. Answers the retries seen. */
function* pauseUntil(
  ctx: OrchestrationContext,
  rollId: string,
  { pollMs, deadline }: contract.Course["pace"],
  retriesSeen: number,
  at: number,
): Orchestration<number> {
  const end = Math.min(Math.max(at, now(ctx) + pollMs), deadline);
  if (end - now(ctx) <= pollMs) {
    yield* sleepUntil(ctx, end);
    return retriesSeen;
  }
  const wait = { rollId, until: { never: true as const }, retriesSeen, pollMs, deadline: end };
  return (yield* child(ctx, waitUntil, wait)).retries;
}
