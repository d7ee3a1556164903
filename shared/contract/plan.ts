import { z } from "zod";
import { RollId } from "../domain/ids";
import { Playbook } from "../domain/roll/playbook";
import { RollOutcome } from "../domain/roll/roll";
import { Pace } from "./activities";
import { activityContract } from "./activity";
import { PacedInput, PacedOutput } from "./pacing";

const Count = z.int().nonnegative();
const PlanHash = z.string().regex(/^[0-9A-F]{64}$/);

/** Batches whose findings are put together on one page; an execution of `planRoll` looks at as many. */
export const BATCHES_PER_PAGE = 16;

/**
 * Looks at the devices of a batch for the plan: what the roll would do with each, and what every later write presupposes.
 * Reads only. What was found first stands. Waits for quota where it has to ask a hub.
 */
export const examineBatch = activityContract({
  name: "examineBatch",
  input: z.object({ rollId: RollId, batch: Count }).extend(PacedInput.shape),
  output: PacedOutput.extend({ examined: Count }),
});

/** Puts the findings of a page of batches together, `BATCHES_PER_PAGE` each; the last page has fewer. */
export const sumExamined = activityContract({
  name: "sumExamined",
  input: z.object({ rollId: RollId, page: Count, batches: Count }),
  output: z.object({ devices: Count }),
});

/**
 * Writes the plan down, once and for all: its hash is what an approval signs. `refused`: the roll cannot be carried out,
 * and the plan says why. Answers the same when it is called again.
 */
export const freezePlan = activityContract({
  name: "freezePlan",
  input: z.object({ rollId: RollId, batches: Count }),
  output: z.object({
    planHash: PlanHash,
    refused: z.boolean(),
    /** A named person has to approve it. */
    approval: z.boolean(),
    /** The roll ends with its plan. */
    dryRun: z.boolean(),
    pace: Pace,
  }),
});

/**
 * Plans a roll whose batches are open, and waits for the approval if it needs one. `go`: the plan may be carried out.
 * `planned`: it was a dry run. `deadline`: nobody approved it in time. Writes nothing to DPS and no hub.
 */
export const planRoll = activityContract({
  name: "planRoll",
  input: z.object({
    rollId: RollId,
    batches: Count,
    /** The page where an earlier execution left off. */
    page: Count.optional(),
  }),
  output: z.object({
    decision: z.enum(["go", "planned", "refused", "aborted", "deadline"]),
    planHash: PlanHash,
  }),
});
export type PlanDecision = z.infer<typeof planRoll.output>["decision"];

/** A dry run of any playbook: the target list, the plan, and nothing else. The instance is called like the roll. */
export const rehearseRoll = activityContract({
  name: "rehearseRoll",
  input: z.object({ rollId: RollId, playbook: Playbook }),
  output: z.object({ outcome: RollOutcome, proven: Count }),
});
