import { z } from "zod";
import { RollId } from "../domain/ids";
import { activityContract } from "./activity";

const Page = z.int().nonnegative();

/**
 * Writes one page of a finished roll's report: the request and what people said on page 0, then some batches a page, journal
 * and devices. `unreadable`: something that the report needs cannot be read back, with the code; there will be none.
 */
export const writeEvidence = activityContract({
  name: "writeEvidence",
  input: z.object({ rollId: RollId, page: Page }),
  output: z.discriminatedUnion("outcome", [
    z.object({ outcome: z.literal("written"), next: Page.optional() }),
    z.object({ outcome: z.literal("unreadable"), code: z.string().max(60) }),
  ]),
});

/** Seals the report that has so many pages, and signs it where a key is configured. `signed: false`: the key is away. */
export const sealEvidence = activityContract({
  name: "sealEvidence",
  input: z.object({ rollId: RollId, pages: z.int().positive() }),
  output: z.object({ signed: z.boolean() }),
});

/** Makes the report of a finished roll, page by page; continues as new. A report that cannot be made holds nothing up. */
export const keepEvidence = activityContract({
  name: "keepEvidence",
  input: z.object({ rollId: RollId, page: Page.optional() }),
  output: z.object({ outcome: z.enum(["signed", "unsigned", "unreadable"]) }),
});
