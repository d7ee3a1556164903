import { z } from "zod";
import { RollId } from "../domain/ids";
import { activityContract } from "./activity";
import { PacedInput, PacedOutput } from "./pacing";

/**
 * Looks for modules of a batch's contained devices, and reports, rotates or deletes them as the request says. `open` devices
 * have yet to be looked at: a hub did not answer. Waits for quota.
 */
export const treatModules = activityContract({
  name: "treatModules",
  input: z.object({ rollId: RollId, batch: z.int().nonnegative() }).extend(PacedInput.shape),
  output: PacedOutput.extend({ open: z.int().nonnegative() }),
});

/** Looks for what containment leaves behind in batches from `next` on, some at a time; continues as new. */
export const treatResidue = activityContract({
  name: "treatResidue",
  input: z.object({
    rollId: RollId,
    batches: z.int().nonnegative(),
    next: z.int().nonnegative(),
  }),
  output: z.object({}),
});
