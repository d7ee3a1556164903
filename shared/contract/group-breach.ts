import { z } from "zod";
import { RollId } from "../domain/ids";
import { Pace } from "./activities";
import { activityContract } from "./activity";

const RollInput = z.object({ rollId: RollId });

/** A group that must not be closed without a person's approval. */
export const HeldGroup = z.object({
  /** What the approval must name: SHA-256 of the scope, upper-case hex. */
  planHash: z.string().length(64),
  pace: Pace,
});
export type HeldGroup = z.infer<typeof HeldGroup>;

/**
 * Containment, the first write of all: DPS refuses every chain of the compromised CA, because the group of the request is
 * disabled. Needs nothing but the request. `nothing`: a roll of leaves, whose devices are closed one by one. `held-back`:
 * nothing was written, because nobody answers for the alert by name and too many devices hang on the group.
 */
export const closeGroup = activityContract({
  name: "closeGroup",
  input: RollInput.extend({ approved: z.literal(true).optional() }),
  output: z.object({
    outcome: z.enum(["closed", "missing", "refused", "nothing", "held-back"]),
    /** The request names a CA that is to take over. */
    replaces: z.boolean(),
    /** With `held-back`: what is waited for. */
    held: HeldGroup.optional(),
  }),
});

/**
 * Closes whatever else the compromised CA opens, by the CA graph, and opens again what is healthy where no successor will.
 * `insist: false`: where the graph cannot be read now, `complete` is false and nothing is held up; `true`: it is an outage.
 */
export const closeReach = activityContract({
  name: "closeReach",
  input: RollInput.extend({ insist: z.boolean() }),
  output: z.object({ complete: z.boolean(), groups: z.int().nonnegative() }),
});

/**
 * The new CA takes over where the compromised one was, if the plan is not refused, whoever has to has approved it, and DPS
 * takes the CA; then the roll waits for its devices.
 */
export const restoreGroup = activityContract({
  name: "restoreGroup",
  input: RollInput.extend({ batches: z.int().nonnegative() }),
  output: z.object({}),
});
