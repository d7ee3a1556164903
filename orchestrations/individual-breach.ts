import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { enterPhase, noteContained } from "../shared/contract/activities";
import * as contract from "../shared/contract/orchestrations";
import { planRoll } from "../shared/contract/plan";
import { treatResidue } from "../shared/contract/residual-access";
import { call, child, childAll, childCall, childPair, input, type Orchestration } from "./durable";

/**
 * Some individually enrolled devices' certificates are compromised.
 *
 * Contain first: whatever is wrong with the replacement, the old certificates stop opening anything. Then wait for the
 * devices to find their way back with the new leaf, and prove each one. No command reaches a device that is cut off;
 * healing is the device's part. An alert that nobody answers for by name cuts off only so many devices; the rest waits for an
 * approval beside that.
 */
export function* individualBreach(
  ctx: OrchestrationContext,
): Orchestration<z.output<typeof contract.individualBreach.output>> {
  const { rollId } = input(ctx, contract.individualBreach);
  const { batches, heldBack } = yield* child(ctx, contract.openFleet, { rollId });
  const { pace, moves } = yield* call(ctx, enterPhase, { rollId, phase: "containing" });
  const how = moves === undefined ? {} : { moves };
  if (heldBack === undefined) {
    yield* child(ctx, contract.containFleet, { rollId, batches, next: 0, ...how });
    yield* call(ctx, noteContained, { rollId });
    yield* childAll(ctx, [
      childCall(contract.proveFleet, { rollId, batches, pace, nextRecheckAt: 0 }),
      childCall(planRoll, { rollId, batches }),
      childCall(treatResidue, { rollId, batches, next: 0 }),
    ]);
  } else {
    // The list waits for an approval of its own; a plan would come too late for it.
    const fleet = { rollId, batches, pace, ...how };
    yield* childPair(ctx, [contract.containAndProve, fleet], [contract.admitFleet, { ...fleet, heldBack }]);
  }
  return yield* child(ctx, contract.closeFleet, { rollId });
}
