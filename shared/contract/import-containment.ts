import { z } from "zod";
import { RollId } from "../domain/ids";
import { activityContract } from "./activity";

/** The two writes of a containment: cut off, then given back. */
export const BulkMove = z.enum(["hold", "release"]);
export type BulkMove = z.infer<typeof BulkMove>;

/** Where a containment by import jobs stands. `hub`: place among the linked hubs; `from`: the first batch that is left. */
export const BulkCursor = z.object({
  doing: z.enum(["close", "export", "plan", "import", "settle"]),
  move: BulkMove,
  hub: z.int().nonnegative(),
  from: z.int().nonnegative(),
  /** Looks at the present job so far. */
  looks: z.int().nonnegative(),
});
export type BulkCursor = z.infer<typeof BulkCursor>;

const Fleet = z.object({ rollId: RollId, batches: z.int().nonnegative(), cursor: BulkCursor.optional() });

/**
 * One piece of containing a fleet by import jobs. Without `next` there is nothing more to do this way: it was not worth
 * while, is done, or cannot be had; what is left is left to single writes.
 */
export const moveInBulk = activityContract({
  name: "moveInBulk",
  input: Fleet,
  output: z.object({ next: BulkCursor.optional(), waitMs: z.int().nonnegative().optional() }),
});

/** Cuts a large fleet off by import jobs, before each batch is looked at by itself; continues as new. */
export const containInBulk = activityContract({ name: "containInBulk", input: Fleet, output: z.object({}) });
