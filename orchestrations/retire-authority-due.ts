import type { OrchestrationContext } from "durable-functions";
import { dropAuthority } from "../shared/contract/authority-activities";
import { retireAuthority } from "../shared/contract/authority-orchestrations";
import * as contract from "../shared/contract/due";
import { call, child, input, type Orchestration } from "./durable";

/**
 * The day has come on which an old CA has run out that was to stay until then. It leaves its group, and DPS, behind the same
 * fresh reads as in a roll; whoever registered since is not asked for: by a CA that has run out nobody does. Where another
 * roll works on the group it is tried again another day.
 */
export function* retireAuthorityDue(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, key } = input(ctx, contract.retireAuthorityDue);
  const { mine } = yield* call(ctx, contract.reclaimTrust, { rollId });
  if (mine) {
    const { outcome } = yield* call(ctx, dropAuthority, { rollId });
    if (outcome === "dropped") yield* child(ctx, retireAuthority, { rollId, progress: { doing: "count", found: 0 } });
    yield* call(ctx, contract.releaseTrust, { rollId });
  }
  return yield* call(ctx, contract.settleDue, { rollId, key });
}
