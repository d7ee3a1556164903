import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { closeAtDps, listWaiting, proveBatch, recheckContained, releaseHold } from "../shared/contract/activities";
import { readControl } from "../shared/contract/control";
import * as contract from "../shared/contract/orchestrations";
import { call, childEach, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";
import { callEachPaced } from "./paced";

type Input = z.output<typeof contract.proveFleet.input>;
type Look = NonNullable<Input["look"]>;

/** Batches looked at side by side. */
const WINDOW = 12;
/** Activities per execution, about; then the history starts anew. */
const ACTIVITIES = 48;

/**
 * Waits for contained devices to come back and proves them, until none is open, the roll is aborted, or the deadline has
 * come. Now and then, and when somebody asks for another try, containment is read again on the way: a device whose old
 * credential works again is contained anew. A pause does not stop that; it only keeps devices from being asked.
 *
 * A look goes through the fleet a window at a time, past batches that nothing is waited for; a look that reads containment
 * again goes through all of them.
 */
export function* proveFleet(ctx: OrchestrationContext): Orchestration<object> {
  const { look: unfinished, ...fleet } = input(ctx, contract.proveFleet);
  const { rollId, batches, pace, nextRecheckAt, first = 0 } = fleet;
  let recheckAt = nextRecheckAt === 0 ? now(ctx) + pace.recheckMs : nextRecheckAt;
  let { retries = 0 } = fleet;
  let look = unfinished;

  for (let spent = 0; spent < ACTIVITIES;) {
    if (look === undefined) {
      const control = yield* call(ctx, readControl, { rollId, until: {} });
      if (control.state === "aborted") return {};
      look = { from: first, open: 0, broken: 0, rechecks: now(ctx) >= recheckAt || control.retries > retries };
      retries = control.retries;
      spent += 1;
    }
    const window = yield* nextWindow(ctx, rollId, batches, look);
    const found = yield* lookAt(ctx, rollId, window.batches, look.rechecks);
    spent += 1 + window.batches.length * (look.rechecks ? 4 : 1) + found.broken;
    look = { ...look, from: window.next, open: look.open + found.open, broken: look.broken + found.broken };
    if (look.from < batches) continue;

    if (look.rechecks) recheckAt = now(ctx) + pace.recheckMs;
    if ((look.open === 0 && look.broken === 0) || now(ctx) >= pace.deadline) return {};
    look = undefined;
    yield* sleepUntil(ctx, Math.min(now(ctx) + pace.pollMs, pace.deadline));
  }
  const left = look === undefined ? {} : { look };
  continueAsNew(ctx, contract.proveFleet, { ...fleet, nextRecheckAt: recheckAt, retries, ...left });
  return {};
}

/** The next batches of this look. A fleet of one window is gone through without asking which of them wait. */
function* nextWindow(
  ctx: OrchestrationContext,
  rollId: string,
  batches: number,
  { from, rechecks }: Look,
): Orchestration<{ readonly batches: readonly number[]; readonly next: number }> {
  if (!rechecks && batches > WINDOW) {
    const waiting = yield* call(ctx, listWaiting, { rollId, from, limit: WINDOW });
    // Behind these batches there may be others, which are looked after by themselves.
    return {
      batches: waiting.batches.filter((batch) => batch < batches),
      next: Math.min(waiting.next ?? batches, batches),
    };
  }
  const next = Math.min(from + WINDOW, batches);
  return { batches: Array.from({ length: Math.max(0, next - from) }, (_, at) => from + at), next };
}

function* lookAt(
  ctx: OrchestrationContext,
  rollId: string,
  batches: readonly number[],
  rechecks: boolean,
): Orchestration<{ readonly open: number; readonly broken: number }> {
  const window = batches.map((batch) => ({ rollId, batch }));
  const looks = yield* callEachPaced(ctx, proveBatch, window);
  const broken = new Set(window.filter((_, at) => (looks[at]?.broken ?? 0) > 0));
  // Replacements that could not be judged get another chance; at once where a read that failed is all they wait for.
  const unjudged = rechecks ? window : window.filter((_, at) => (looks[at]?.unread ?? 0) > 0);
  yield* callEachPaced(ctx, closeAtDps, unjudged);
  if (rechecks) {
    // Identities that wait, disabled, for a new leaf: DPS may have written it by now.
    yield* callEachPaced(ctx, releaseHold, window);
    const again = yield* callEachPaced(ctx, recheckContained, window);
    for (const [at, batch] of window.entries()) if ((again[at]?.broken ?? 0) > 0) broken.add(batch);
  }
  yield* childEach(ctx, contract.containBatch, [...broken]);
  return { open: looks.reduce((sum, result) => sum + result.open, 0), broken: broken.size };
}
