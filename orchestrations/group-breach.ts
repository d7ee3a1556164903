import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { enterPhase, noteContained } from "../shared/contract/activities";
import { closeGroup, closeReach, restoreGroup, type HeldGroup } from "../shared/contract/group-breach";
import { containInBulk } from "../shared/contract/import-containment";
import * as contract from "../shared/contract/orchestrations";
import { waitUntil } from "../shared/contract/control";
import { containOthers } from "../shared/contract/examination";
import { planRoll } from "../shared/contract/plan";
import { treatResidue } from "../shared/contract/residual-access";
import { call, child, childAll, childCall, input, type Orchestration } from "./durable";

/**
 * A CA of an enrollment group, or leaves of it, are compromised.
 *
 * One write closes the group before anything is listed or looked up. What else the CA opens is closed next, as far as the CA
 * graph can be read. Then the devices that registered through it are cut off at every hub, batch by batch. A successor takes
 * over while the contained devices are watched: proving possession may take a person days.
 *
 * Only an alert that nobody answers for by name, about more devices than such alerts may cut off, waits for a person first.
 */
export function* groupBreach(ctx: OrchestrationContext): Orchestration<z.output<typeof contract.groupBreach.output>> {
  const { rollId } = input(ctx, contract.groupBreach);
  const { outcome, replaces, held } = yield* call(ctx, closeGroup, { rollId });
  if (held !== undefined) {
    const approved = yield* isApproved(ctx, rollId, held);
    if (!approved) return yield* child(ctx, contract.closeFleet, { rollId, outcome: "aborted" });
    yield* call(ctx, closeGroup, { rollId, approved: true });
  }
  const { pace } = yield* call(ctx, enterPhase, { rollId, phase: "containing" });
  const { complete } = yield* call(ctx, closeReach, { rollId, insist: false });
  const { batches, heldBack } = yield* child(ctx, contract.openFleet, { rollId });
  yield* child(ctx, containInBulk, { rollId, batches });
  yield* child(ctx, contract.containFleet, { rollId, batches, next: 0 });
  yield* call(ctx, noteContained, { rollId });
  // What the graph could not show before: nothing that the CA opens may stay open, however long the graph takes.
  if (!complete) yield* call(ctx, closeReach, { rollId, insist: true });

  if (!replaces) yield* call(ctx, enterPhase, { rollId, phase: "awaiting" });
  const fleet = { rollId, batches, pace };
  yield* childAll(ctx, [
    replaces ? childCall(restoreGroup, { rollId, batches }) : childCall(planRoll, { rollId, batches }),
    childCall(contract.proveFleet, { ...fleet, nextRecheckAt: 0 }),
    childCall(treatResidue, { rollId, batches, next: 0 }),
    // Leaves open nothing but their own devices.
    ...(outcome === "nothing" ? [] : [childCall(containOthers, { ...fleet, groups: !complete })]),
    ...(heldBack === undefined ? [] : [childCall(contract.admitFleet, { ...fleet, heldBack })]),
  ]);
  return yield* child(ctx, contract.closeFleet, { rollId });
}

/** False once the roll is aborted, or its deadline has come. */
function* isApproved(
  ctx: OrchestrationContext,
  rollId: string,
  { planHash, pace }: z.output<typeof HeldGroup>,
): Orchestration<boolean> {
  yield* call(ctx, enterPhase, { rollId, phase: "awaiting-approval" });
  const until = { approved: [{ kind: "plan" as const, planHash }] };
  const { pollMs, deadline } = pace;
  const { reason } = yield* child(ctx, waitUntil, { rollId, until, pollMs, deadline });
  return reason === "met";
}
