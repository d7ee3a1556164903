import { z } from "zod";
import { RollId } from "../domain/ids";
import { Pace } from "./activities";
import { activityContract } from "./activity";

const Code = z.string().max(60);

/** Waits, days if need be, until DPS has been shown that somebody holds the new CA's key. */
export const proveRootOwnership = activityContract({
  name: "proveRootOwnership",
  input: z.object({
    rollId: RollId,
    pace: Pace,
    /** Looks that an earlier execution took. */
    looks: z.int().nonnegative().optional(),
  }),
  output: z.object({ outcome: z.enum(["verified", "refused", "aborted", "deadline"]), code: Code.optional() }),
});

/**
 * Breach, after containment: the new CA takes the place of the compromised one. `pending`: the replacement is refused or
 * was stopped, with the code; the group stays closed.
 */
export const rollAuthority = activityContract({
  name: "rollAuthority",
  input: z.object({ rollId: RollId }),
  output: z.object({ outcome: z.enum(["replaced", "pending", "not-needed"]), code: Code.optional() }),
});

/**
 * Takes the old CA out of the group and out of DPS, each behind fresh reads. `in-group`: it is still needed there, with the
 * code; `late` devices registered after the target list was made and have to be rolled first. `out-of-group`: nobody
 * registers by it in this group any more, but its certificate stays in DPS, because something else stands on it.
 */
export const retireAuthority = activityContract({
  name: "retireAuthority",
  input: z.object({
    rollId: RollId,
    /** Where to begin, or where an earlier execution left off. A breach begins at `count`: the CA has left the group. */
    progress: z
      .object({
        doing: z.enum(["survey", "count"]),
        found: z.int().nonnegative(),
        cursor: z.string().max(2_000).optional(),
      })
      .optional(),
  }),
  output: z.object({
    outcome: z.enum(["retired", "out-of-group", "in-group"]),
    code: Code.optional(),
    late: z.int().nonnegative().optional(),
  }),
});
