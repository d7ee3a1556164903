import type { OrchestrationContext } from "durable-functions";
import { enterPhase } from "../shared/contract/activities";
import { rollAuthority } from "../shared/contract/authority-orchestrations";
import { restoreGroup as contract } from "../shared/contract/group-breach";
import { call, child, input, type Orchestration } from "./durable";

/** Brings the new CA in. Where that is refused or stopped the group stays closed, and devices wait for another roll. */
export function* restoreGroup(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId } = input(ctx, contract);
  yield* child(ctx, rollAuthority, { rollId });
  yield* call(ctx, enterPhase, { rollId, phase: "awaiting" });
  return {};
}
