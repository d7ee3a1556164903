import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/reprovision";
import { call, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";
import { callPaced } from "./paced";

/** Looks per execution; an activity and a timer each. */
const LOOKS = 20;

/**
 * Brings one batch as far as it goes now. What devices need before they can change over is done first; then they are told,
 * then their reports are judged, for as long as answers come quickly. Who takes longer is looked at in the next pass: one
 * slow device must not hold up those that come after its batch.
 */
export function* reprovisionBatch(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batch: number, watchUntil: watched } = input(ctx, contract.reprovisionBatch);
  const batch = { rollId, batch: number };
  const { pace, csr, stage } = yield* call(ctx, contract.readCourse, { rollId });
  if (watched === undefined) {
    if (csr) yield* callPaced(ctx, contract.requestCsrs, batch);
    if (stage) yield* callPaced(ctx, contract.stageBatch, batch);
    // What came in since the last pass is no reason to tell a device again.
    yield* call(ctx, contract.proveChange, batch);
    yield* callPaced(ctx, contract.dispatchBatch, batch);
  }
  const watchUntil = watched ?? Math.min(now(ctx) + pace.watchMs, pace.deadline);
  for (let look = 1; look <= LOOKS; look += 1) {
    const { inFlight } = yield* call(ctx, contract.proveChange, batch);
    if (inFlight === 0 || now(ctx) >= watchUntil) return {};
    yield* sleepUntil(ctx, Math.min(now(ctx) + pace.pollMs, watchUntil));
  }
  continueAsNew(ctx, contract.reprovisionBatch, { ...batch, watchUntil });
  return {};
}
