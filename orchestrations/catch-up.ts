import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/catch-up";
import { call, callEach, continueAsNew, input, type Orchestration } from "./durable";

/** Partitions read side by side. */
const AT_ONCE = 4;
/** Rounds per execution; then the history starts anew. */
const ROUNDS = 10;

/** Reads the event stream again page by page, some partitions at a time, until each is read to its end. */
export function* catchUp(ctx: OrchestrationContext): Orchestration<{ received: number }> {
  const { since, until, left: known, received: before = 0 } = input(ctx, contract.catchUp);
  let left = known ?? (yield* partitions(ctx));
  let received = before;
  for (let round = 1; round <= ROUNDS && left.length > 0; round += 1) {
    const [now, later] = [left.slice(0, AT_ONCE), left.slice(AT_ONCE)];
    const pages = yield* callEach(
      ctx,
      contract.catchUpPartition,
      now.map((place) => ({ ...place, since, until })),
    );
    received += pages.reduce((sum, page) => sum + page.received, 0);
    const unfinished = now.flatMap(({ partition }, at) => {
      const after = pages[at]?.after;
      return after === undefined ? [] : [{ partition, after }];
    });
    left = [...unfinished, ...later];
  }
  if (left.length === 0) return { received };
  continueAsNew(ctx, contract.catchUp, { since, until, left, received });
  return { received };
}

function* partitions(ctx: OrchestrationContext): Orchestration<{ partition: string; after?: number | undefined }[]> {
  const { partitions: all } = yield* call(ctx, contract.listStreamPartitions, {});
  return all.map((partition) => ({ partition }));
}
