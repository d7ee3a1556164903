import type { OrchestrationContext } from "durable-functions";
import { openBatches } from "../shared/contract/activities";
import * as contract from "../shared/contract/examination";
import { call, continueAsNew, input, type Orchestration } from "./durable";

/** Pieces and groups of batches per execution; then the history starts anew. */
const ACTIVITIES = 40;

/** Goes through one place piece by piece, then opens batches for whoever was found. A cursor is all it carries. */
export function* openOthers(ctx: OrchestrationContext): Orchestration<{ readonly batches: number }> {
  const { progress, ...place } = input(ctx, contract.openOthers);
  const { rollId, at, groups, batches } = place;
  let opened = progress?.doing === "open" ? progress : undefined;
  if (opened === undefined) {
    let part = progress?.doing === "gather" ? progress.part : 0;
    let cursor = progress?.doing === "gather" ? progress.cursor : undefined;
    for (let piece = 1; ; piece += 1) {
      const where = { rollId, at, groups, part, ...(cursor === undefined ? {} : { cursor }) };
      const { next } = yield* call(ctx, contract.gatherOthers, where);
      part += 1;
      if (next === undefined) break;
      cursor = next;
      if (piece === ACTIVITIES) {
        continueAsNew(ctx, contract.openOthers, { ...place, progress: { doing: "gather", part, cursor } });
        return { batches };
      }
    }
    const cut = yield* call(ctx, contract.cutOthers, { rollId, at, parts: part, batches });
    opened = { doing: "open", batches: cut.batches, from: batches };
  }
  const { batches: all } = opened;
  let next: number | undefined = opened.from;
  for (let n = 0; n < ACTIVITIES && next !== undefined && next < all; n += 1)
    ({ next } = yield* call(ctx, openBatches, { rollId, from: next, batches: all }));
  if (next !== undefined && next < all)
    continueAsNew(ctx, contract.openOthers, { ...place, progress: { ...opened, from: next } });
  return { batches: all };
}
