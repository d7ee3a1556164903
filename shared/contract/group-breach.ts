import { z } from "zod";
import { RollId } from "../domain/ids";
import { activityContract } from "./activity";

const RollInput = z.object({ rollId: RollId });

/**
 * Containment, the first write of all: DPS refuses every chain of the compromised CA, because the group of the request is
 * disabled. Needs nothing but the request. `nothing`: a roll of leaves, whose devices are closed one by one.
 */
export const closeGroup = activityContract({
  name: "closeGroup",
  input: RollInput,
  output: z.object({
    outcome: z.enum(["closed", "missing", "refused", "nothing"]),
    /** The request names a CA that is to take over. */
    replaces: z.boolean(),
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

/** The new CA takes over where the compromised one was, if DPS takes it; then the roll waits for its devices. */
export const restoreGroup = activityContract({ name: "restoreGroup", input: RollInput, output: z.object({}) });
