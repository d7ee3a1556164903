import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { enterPhase, noteContained } from "../shared/contract/activities";
import { closeGroup, closeReach, restoreGroup } from "../shared/contract/group-breach";
import * as contract from "../shared/contract/orchestrations";
import { call, child, childPair, input, type Orchestration } from "./durable";

/**
 * A CA of an enrollment group, or leaves of it, are compromised.
 *
 * One write closes the group before anything is listed or looked up. What else the CA opens is closed next, as far as the CA
 * graph can be read. Then the devices that registered through it are cut off at every hub, batch by batch. A successor takes
 * over while the contained devices are watched: proving possession may take a person days.
 */
export function* groupBreach(ctx: OrchestrationContext): Orchestration<z.output<typeof contract.groupBreach.output>> {
  const { rollId } = input(ctx, contract.groupBreach);
  const { replaces } = yield* call(ctx, closeGroup, { rollId });
  const { pace } = yield* call(ctx, enterPhase, { rollId, phase: "containing" });
  yield* call(ctx, closeReach, { rollId, insist: false });
  const { batches } = yield* child(ctx, contract.openFleet, { rollId });
  yield* child(ctx, contract.containFleet, { rollId, batches, next: 0 });
  yield* call(ctx, noteContained, { rollId });

  const proving = { rollId, batches, pace, nextRecheckAt: 0 };
  if (replaces) {
    yield* childPair(ctx, [restoreGroup, { rollId }], [contract.proveFleet, proving]);
  } else {
    yield* call(ctx, enterPhase, { rollId, phase: "awaiting" });
    yield* child(ctx, contract.proveFleet, proving);
  }
  return yield* child(ctx, contract.closeFleet, { rollId });
}
