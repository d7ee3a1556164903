import { z } from "zod";
import { RollId } from "../domain/ids";
import { Pace } from "./activities";
import { activityContract } from "./activity";

const Nothing = z.object({});

/** Playbook: some individually enrolled devices' certificates are compromised. The instance is called like the roll. */
export const individualBreach = activityContract({
  name: "individualBreach",
  input: z.object({ rollId: RollId }),
  output: z.object({ outcome: z.enum(["completed", "partial"]), proven: z.int().nonnegative() }),
});

/** Contains every batch, some at a time; continues as new from `next`. */
export const containFleet = activityContract({
  name: "containFleet",
  input: z.object({ rollId: RollId, batches: z.int().nonnegative(), next: z.int().nonnegative() }),
  output: Nothing,
});

/** Contains one batch: DPS first, then the hubs at once, hold, release, confirm. */
export const containBatch = activityContract({
  name: "containBatch",
  input: z.object({
    rollId: RollId,
    batch: z.int().nonnegative(),
    /** How it goes so far, where an earlier execution went on as this one. */
    progress: z
      .object({
        /** Devices that steps of the last round left over, each step counted by itself. */
        left: z.int().nonnegative(),
        /** Rounds in a row that left as many as the one before. */
        idleRounds: z.int().nonnegative(),
      })
      .optional(),
  }),
  output: Nothing,
});

/** Waits until every contained device came back and is proven, or the deadline has come. */
export const proveFleet = activityContract({
  name: "proveFleet",
  input: z.object({
    rollId: RollId,
    batches: z.int().nonnegative(),
    pace: Pace,
    /** When contained devices are read again next, epoch milliseconds. */
    nextRecheckAt: z.int().nonnegative(),
  }),
  output: Nothing,
});
