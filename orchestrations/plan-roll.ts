import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { enterPhase } from "../shared/contract/activities";
import { waitUntil } from "../shared/contract/control";
import * as contract from "../shared/contract/plan";
import { call, child, continueAsNew, input, type Orchestration } from "./durable";
import { callEachPaced } from "./paced";

/** Batches looked at at the same time. */
const SIDE_BY_SIDE = 8;

type Planned = z.output<typeof contract.planRoll.output>;

/**
 * Looks at every batch, freezes what was found, and waits for whoever has to agree. The findings of a page are put together
 * before the history starts anew, so that a plan for a million devices is made of a few hundred small documents.
 */
export function* planRoll(ctx: OrchestrationContext): Orchestration<Planned> {
  const { rollId, batches, page = 0 } = input(ctx, contract.planRoll);
  const from = page * contract.BATCHES_PER_PAGE;
  const end = Math.min(from + contract.BATCHES_PER_PAGE, batches);
  const goOn = (at: number): Planned => {
    continueAsNew(ctx, contract.planRoll, { rollId, batches, page: at });
    return { decision: "deadline", planHash: NO_HASH };
  };
  for (let next = from; next < end; next += SIDE_BY_SIDE) {
    const window = Array.from({ length: Math.min(SIDE_BY_SIDE, end - next) }, (_, at) => ({
      rollId,
      batch: next + at,
    }));
    const answers = yield* callEachPaced(ctx, contract.examineBatch, window);
    if (answers.some(({ wait }) => wait !== undefined)) return goOn(page);
  }
  if (from < end) yield* call(ctx, contract.sumExamined, { rollId, page, batches });
  if (end < batches) return goOn(page + 1);

  const { planHash, refused, approval, dryRun, pace } = yield* call(ctx, contract.freezePlan, { rollId, batches });
  if (dryRun) return { decision: "planned", planHash };
  if (refused) return { decision: "refused", planHash };
  if (!approval) return { decision: "go", planHash };
  yield* call(ctx, enterPhase, { rollId, phase: "awaiting-approval" });
  const { reason } = yield* child(ctx, waitUntil, {
    rollId,
    until: { approved: [{ kind: "plan", planHash }] },
    pollMs: pace.pollMs,
    deadline: pace.deadline,
  });
  if (reason === "aborted") return { decision: "aborted", planHash };
  return { decision: reason === "met" ? "go" : "deadline", planHash };
}

/** Nobody reads the output of an execution that goes on as the next one. */
const NO_HASH = "0".repeat(64);

/** How a roll ends whose plan is not carried out; one that nobody approved in time is what its counts say. */
export function endedBy(decision: Exclude<contract.PlanDecision, "go">): {
  readonly outcome?: "planned" | "refused" | "aborted";
} {
  return decision === "deadline" ? {} : { outcome: decision };
}
