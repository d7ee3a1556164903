import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { enterPhase } from "../shared/contract/activities";
import { judgeSuccessor, replaceAuthority } from "../shared/contract/authority-activities";
import * as contract from "../shared/contract/authority-orchestrations";
import { call, child, input, type Orchestration } from "./durable";
import { untilTaken } from "./until-taken";

type End = z.input<typeof contract.rollAuthority.output>;

/**
 * A CA is compromised and contained: the group is closed. The new CA is judged and proven first, because a group never
 * points at a missing or unverified CA; then it takes the place of the old one in the write that opens the group again; the
 * old one leaves DPS last.
 */
export function* rollAuthority(ctx: OrchestrationContext): Orchestration<End> {
  const { rollId } = input(ctx, contract.rollAuthority);
  const judged = yield* call(ctx, judgeSuccessor, { rollId });
  if (judged.outcome === "not-needed") return { outcome: "not-needed" };
  if (judged.outcome === "refused") return { outcome: "pending", code: judged.code };
  const { pace } = yield* call(ctx, enterPhase, { rollId, phase: "staging" });
  if (judged.mustProve) {
    const proof = yield* child(ctx, contract.proveRootOwnership, { rollId, pace });
    if (proof.outcome !== "verified") return { outcome: "pending", code: proof.code ?? `possession-${proof.outcome}` };
  }
  const replaced = yield* untilTaken(ctx, replaceAuthority, rollId, pace);
  if (replaced.outcome === "refused") return pending(replaced.code);
  const { code } = yield* child(ctx, contract.retireAuthority, { rollId, progress: { doing: "count", found: 0 } });
  return { outcome: "replaced", ...(code === undefined ? {} : { code }) };
}

function pending(code: string | undefined): End {
  return { outcome: "pending", ...(code === undefined ? {} : { code }) };
}
