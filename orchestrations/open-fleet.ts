import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { cutTargets, gatherTargets, openBatches } from "../shared/contract/activities";
import * as contract from "../shared/contract/orchestrations";
import { call, continueAsNew, input, type Orchestration } from "./durable";

type Opened = z.output<typeof contract.openFleet.output>;

/** Pages and groups of batches per execution; then the history starts anew. */
const ACTIVITIES = 40;

/**
 * Makes the target list, page by page, cuts it into batches and opens them. A cursor is all it carries, whatever the
 * fleet's size; what was written once stands when a page is asked for again.
 */
export function* openFleet(ctx: OrchestrationContext): Orchestration<Opened> {
  const { rollId, progress } = input(ctx, contract.openFleet);
  if (progress?.doing === "open") {
    const { doing: _doing, ...where } = progress;
    return yield* openFrom(ctx, rollId, where);
  }

  let { part, cursor }: { part: number; cursor?: string | undefined } = progress ?? { part: 0 };
  for (let page = 0; page < ACTIVITIES; page += 1) {
    const gathered = yield* call(ctx, gatherTargets, { rollId, part, ...(cursor === undefined ? {} : { cursor }) });
    part += 1;
    cursor = gathered.next;
    if (cursor === undefined) {
      const fleet = yield* call(ctx, cutTargets, { rollId, parts: part });
      if (fleet.refused !== undefined) return fleet;
      return yield* openFrom(ctx, rollId, { ...fleet, from: 0 });
    }
  }
  continueAsNew(ctx, contract.openFleet, { rollId, progress: { doing: "gather", part, cursor: cursor ?? "" } });
  return { devices: 0, batches: 0, waves: 0 };
}

function* openFrom(
  ctx: OrchestrationContext,
  rollId: string,
  { from, ...opened }: Opened & { readonly from: number },
): Orchestration<Opened> {
  const { batches } = opened;
  let next: number | undefined = from;
  for (let n = 0; n < ACTIVITIES && next !== undefined && next < batches; n += 1) {
    ({ next } = yield* call(ctx, openBatches, { rollId, from: next, batches }));
  }
  if (next !== undefined && next < batches)
    continueAsNew(ctx, contract.openFleet, {
      rollId,
      progress: { doing: "open", ...opened, from: next },
    });
  return opened;
}
