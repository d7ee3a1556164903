import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { enterPhase, noteContained } from "../shared/contract/activities";
import * as contract from "../shared/contract/orchestrations";
import { call, child, input, type Orchestration } from "./durable";

/**
 * Some individually enrolled devices' certificates are compromised.
 *
 * Contain first: whatever is wrong with the replacement, the old certificates stop opening anything. Then wait for the
 * devices to find their way back with the new leaf, and prove each one. No command reaches a device that is cut off;
 * healing is the device's part.
 */
export function* individualBreach(
  ctx: OrchestrationContext,
): Orchestration<z.output<typeof contract.individualBreach.output>> {
  const { rollId } = input(ctx, contract.individualBreach);
  const { batches } = yield* child(ctx, contract.openFleet, { rollId });
  const { pace, moves } = yield* call(ctx, enterPhase, { rollId, phase: "containing" });
  yield* child(ctx, contract.containFleet, { rollId, batches, next: 0, ...(moves === undefined ? {} : { moves }) });
  yield* call(ctx, noteContained, { rollId });
  yield* child(ctx, contract.proveFleet, { rollId, batches, pace, nextRecheckAt: 0 });
  return yield* child(ctx, contract.closeFleet, { rollId });
}
