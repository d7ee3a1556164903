import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { enterPhase } from "../shared/contract/activities";
import * as contract from "../shared/contract/orchestrations";
import { planRoll } from "../shared/contract/plan";
import { planFleet, reprovisionFleet, retireFleet } from "../shared/contract/reprovision";
import { call, child, input, type Orchestration } from "./durable";
import { endedBy } from "./plan-roll";

/** How often devices that went back to their old leaf get another chance. */
const ROUNDS = 3;

/**
 * Some individually enrolled devices' certificates run out.
 *
 * The new leaf goes into the free slot of each entry beside the old one; then devices are told, wave by wave, to register
 * with it, and are proven. Only then does the old leaf go, device by device: it is the way back for whoever is not proven.
 */
export function* individualExpiry(
  ctx: OrchestrationContext,
): Orchestration<z.output<typeof contract.individualExpiry.output>> {
  const { rollId } = input(ctx, contract.individualExpiry);
  const { batches, refused } = yield* child(ctx, contract.openFleet, { rollId });
  if (refused === undefined) yield* child(ctx, planFleet, { rollId, batches, next: 0 });
  const { decision } = yield* child(ctx, planRoll, { rollId, batches });
  if (decision !== "go") return yield* child(ctx, contract.closeFleet, { rollId, ...endedBy(decision) });
  yield* call(ctx, enterPhase, { rollId, phase: "rolling" });
  for (let round = 1; round <= ROUNDS; round += 1) {
    const { ended } = yield* child(ctx, reprovisionFleet, { rollId });
    if (ended === "aborted") return yield* child(ctx, contract.closeFleet, { rollId, outcome: "aborted" });
    yield* call(ctx, enterPhase, { rollId, phase: "retiring" });
    const { regressed } = yield* child(ctx, retireFleet, { rollId });
    if (regressed === 0 || ended === "deadline") break;
  }
  return yield* child(ctx, contract.closeFleet, { rollId });
}
