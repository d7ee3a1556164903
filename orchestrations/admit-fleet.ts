import type { OrchestrationContext } from "durable-functions";
import { admitHeldBack } from "../shared/contract/activities";
import { waitUntil } from "../shared/contract/control";
import * as contract from "../shared/contract/orchestrations";
import { treatResidue } from "../shared/contract/residual-access";
import { call, child, continueAsNew, input, type Orchestration } from "./durable";

/** Batches per execution. */
const BATCHES = 40;

/**
 * Devices beyond what an alert may cut off by itself wait here for a person, and only they: the others are contained and
 * proven meanwhile. Whoever approves names the list by its hash. Aborted, or at the deadline, they are left as they are.
 */
export function* admitFleet(ctx: OrchestrationContext): Orchestration<object> {
  const given = input(ctx, contract.admitFleet);
  const { progress, ...fleet } = given;
  const { rollId, batches, heldBack, moves } = fleet;
  const decision = progress?.decision ?? (yield* decide(ctx, given));
  const next = progress?.next ?? heldBack.fromBatch;
  const end = Math.min(next + BATCHES, batches);
  for (let batch = next; batch < end; batch += 1) yield* call(ctx, admitHeldBack, { rollId, batch, decision });
  if (end < batches) {
    continueAsNew(ctx, contract.admitFleet, { ...fleet, progress: { decision, next: end } });
    return {};
  }
  if (decision === "drop") return {};
  const how = moves === undefined ? {} : { moves };
  yield* child(ctx, contract.containFleet, { rollId, batches, next: heldBack.fromBatch, ...how });
  return yield* child(ctx, treatResidue, { rollId, batches, next: heldBack.fromBatch });
}

function* decide(
  ctx: OrchestrationContext,
  { rollId, pace, heldBack }: ReturnType<typeof contract.admitFleet.input.parse>,
): Orchestration<"admit" | "drop"> {
  const { planHash } = heldBack;
  const { pollMs, deadline } = pace;
  const until = { approved: [{ kind: "plan" as const, planHash }] };
  const { reason } = yield* child(ctx, waitUntil, { rollId, until, pollMs, deadline });
  return reason === "met" ? "admit" : "drop";
}
