import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/examination";
import { refreshInventory } from "../shared/contract/inventory";
import * as fleet from "../shared/contract/orchestrations";
import { treatResidue } from "../shared/contract/residual-access";
import { call, child, childAll, childCall, input, type Orchestration } from "./durable";

/**
 * Whoever has a CA's key can have made devices that no list shows any more, and a CA opens more than groups. What DPS shows
 * at once is contained first; then an inventory is taken, and every identity of every linked hub is looked at.
 *
 * An inventory that cannot be had ends nothing: the roll says so, and what it knows of is contained all the same.
 */
export function* containOthers(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches: first, pace, groups } = input(ctx, contract.containOthers);
  const atDps = yield* child(ctx, contract.openOthers, { rollId, at: "dps", groups, batches: first });
  yield* contain(ctx, rollId, first, atDps.batches);
  const isTaken = yield* takeInventory(ctx, rollId);
  const place = { rollId, at: "hubs", groups, batches: atDps.batches } as const;
  const { batches } = isTaken ? yield* child(ctx, contract.openOthers, place) : atDps;
  yield* contain(ctx, rollId, atDps.batches, batches);
  yield* call(ctx, contract.noteExamination, { rollId, state: isTaken ? "done" : "failed" });
  if (batches === first) return {};

  const { heldBack } = yield* call(ctx, contract.holdOthers, { rollId, from: first, batches });
  yield* childAll(ctx, [
    childCall(fleet.proveFleet, { rollId, batches, pace, nextRecheckAt: 0, first }),
    childCall(treatResidue, { rollId, batches, next: first }),
    ...(heldBack === undefined ? [] : [childCall(fleet.admitFleet, { rollId, batches, pace, heldBack })]),
  ]);
  return {};
}

function* contain(ctx: OrchestrationContext, rollId: string, next: number, batches: number): Orchestration<void> {
  if (next < batches) yield* child(ctx, fleet.containFleet, { rollId, batches, next });
}

function* takeInventory(ctx: OrchestrationContext, rollId: string): Orchestration<boolean> {
  const inventory = yield* call(ctx, contract.beginExamination, { rollId });
  try {
    yield* child(ctx, refreshInventory, { ...inventory, cursor: { at: "trust" } });
    return true;
  } catch {
    return false;
  }
}
