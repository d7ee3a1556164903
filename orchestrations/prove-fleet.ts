import type { OrchestrationContext } from "durable-functions";
import { closeAtDps, proveBatch, recheckContained } from "../shared/contract/activities";
import * as contract from "../shared/contract/orchestrations";
import { callEach, childEach, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";

/** Looks per execution; then the history starts anew. */
const LOOKS = 10;

/**
 * Waits for contained devices to come back and proves them, until none is open or the deadline has come. Containment is
 * read again on the way: a device whose old credential works again is contained anew.
 */
export function* proveFleet(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, pace, nextRecheckAt } = input(ctx, contract.proveFleet);
  const all = Array.from({ length: batches }, (_, batch) => ({ rollId, batch }));
  let recheckAt = nextRecheckAt === 0 ? now(ctx) + pace.recheckMs : nextRecheckAt;

  for (let look = 1; look <= LOOKS; look += 1) {
    const looks = yield* callEach(ctx, proveBatch, all);
    const broken = new Set(all.filter((_, at) => (looks[at]?.broken ?? 0) > 0));
    if (now(ctx) >= recheckAt) {
      // Replacements that could not be judged get another chance.
      yield* callEach(ctx, closeAtDps, all);
      const rechecks = yield* callEach(ctx, recheckContained, all);
      for (const [at, batch] of all.entries()) if ((rechecks[at]?.broken ?? 0) > 0) broken.add(batch);
      recheckAt = now(ctx) + pace.recheckMs;
    }
    yield* childEach(ctx, contract.containBatch, [...broken]);

    const open = looks.reduce((sum, result) => sum + result.open, 0);
    if ((open === 0 && broken.size === 0) || now(ctx) >= pace.deadline) return {};
    yield* sleepUntil(ctx, Math.min(now(ctx) + pace.pollMs, pace.deadline));
  }
  continueAsNew(ctx, contract.proveFleet, { rollId, batches, pace, nextRecheckAt: recheckAt });
  return {};
}
