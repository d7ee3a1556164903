import { z } from "zod";
import { RollId } from "../domain/ids";
import { activityContract } from "./activity";

const DueKeyText = z.string().min(1).max(200);
const DueInput = z.object({ rollId: RollId, key: DueKeyText });
const Nothing = z.object({});

/** Reads devices of a closed breach roll again, contains anew what opens again, and notes when to look next. */
export const recheckClosed = activityContract({
  name: "recheckClosed",
  input: DueInput.extend({ next: z.int().nonnegative().optional(), batches: z.int().nonnegative().optional() }),
  output: Nothing,
});

/** Takes a closed roll's batch back for a while: devices of other open rolls are given up. `mine` are the roll's again. */
export const reclaimBatch = activityContract({
  name: "reclaimBatch",
  input: z.object({ rollId: RollId, batch: z.int().nonnegative() }),
  output: z.object({ mine: z.int().nonnegative() }),
});

/** Gives a batch's claims back. */
export const releaseBatch = activityContract({
  name: "releaseBatch",
  input: z.object({ rollId: RollId, batch: z.int().nonnegative() }),
  output: Nothing,
});

/** How many batches a closed roll has. */
export const countBatches = activityContract({
  name: "countBatches",
  input: z.object({ rollId: RollId }),
  output: z.object({ batches: z.int().nonnegative() }),
});

/** The piece of work is done: its row goes, or moves to when it is due again. */
export const settleDue = activityContract({ name: "settleDue", input: DueInput, output: Nothing });

/**
 * Claims the group and the CAs of a closed CA roll again. Not `mine`: another roll works on them, or there is nothing to
 * retire any more.
 */
export const reclaimTrust = activityContract({
  name: "reclaimTrust",
  input: z.object({ rollId: RollId }),
  output: z.object({ mine: z.boolean() }),
});

/** Gives these claims back. */
export const releaseTrust = activityContract({
  name: "releaseTrust",
  input: z.object({ rollId: RollId }),
  output: Nothing,
});

/** Takes an old CA out of use that was to stay until it had run out: out of its group, then out of DPS. */
export const retireAuthorityDue = activityContract({ name: "retireAuthorityDue", input: DueInput, output: Nothing });
