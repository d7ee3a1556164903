import { z } from "zod";
import { RollId } from "../domain/ids";
import { RollOutcome } from "../domain/roll/roll";
import { CutFleet, HeldBack, Pace } from "./activities";
import { activityContract } from "./activity";

const Nothing = z.object({});

const RollInput = z.object({ rollId: RollId });
const RollEnd = z.object({ outcome: RollOutcome, proven: z.int().nonnegative() });

/** Playbook: some individually enrolled devices' certificates are compromised. The instance is called like the roll. */
export const individualBreach = activityContract({ name: "individualBreach", input: RollInput, output: RollEnd });

/** Playbook: individually enrolled devices' certificates run out. The instance is called like the roll. */
export const individualExpiry = activityContract({ name: "individualExpiry", input: RollInput, output: RollEnd });

/** Playbook: a CA or leaves of an enrollment group are compromised. The instance is called like the roll. */
export const groupBreach = activityContract({ name: "groupBreach", input: RollInput, output: RollEnd });

/** Playbook: a CA or leaves of an enrollment group run out. The instance is called like the roll. */
export const groupExpiry = activityContract({ name: "groupExpiry", input: RollInput, output: RollEnd });

/** Makes the target list and opens its batches, a page at a time; continues as new. */
export const openFleet = activityContract({
  name: "openFleet",
  input: z.object({
    rollId: RollId,
    /** Where an earlier execution left off. */
    progress: z
      .discriminatedUnion("doing", [
        z.object({ doing: z.literal("gather"), part: z.int().nonnegative(), cursor: z.string().max(2_000) }),
        z.object({
          doing: z.literal("open"),
          devices: z.int().nonnegative(),
          batches: z.int().nonnegative(),
          waves: z.int().nonnegative(),
          heldBack: HeldBack.optional(),
          from: z.int().nonnegative(),
        }),
      ])
      .optional(),
  }),
  output: CutFleet,
});

/** Contains every batch from `next` on, some at a time. */
export const containFleet = activityContract({
  name: "containFleet",
  input: z.object({
    rollId: RollId,
    batches: z.int().nonnegative(),
    next: z.int().nonnegative(),
    /** Devices are told to change over before anything is cut. */
    moves: z.boolean().optional(),
  }),
  output: Nothing,
});

/** Contains the batches `next`, `next + stride` and so on, one after another; continues as new. */
export const containLane = activityContract({
  name: "containLane",
  input: containFleet.input.extend({ stride: z.int().positive() }),
  output: Nothing,
});

/** Contains one batch: DPS first, then the hubs at once, hold, release, confirm. */
export const containBatch = activityContract({
  name: "containBatch",
  input: z.object({
    rollId: RollId,
    batch: z.int().nonnegative(),
    moves: z.boolean().optional(),
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

/** Waits until every contained device came back and is proven, the roll is aborted, or the deadline has come. */
export const proveFleet = activityContract({
  name: "proveFleet",
  input: z.object({
    rollId: RollId,
    batches: z.int().nonnegative(),
    pace: Pace,
    /** When contained devices are read again next, epoch milliseconds. */
    nextRecheckAt: z.int().nonnegative(),
    /** The first batch that it looks after; those before are another one's. Default 0. */
    first: z.int().nonnegative().optional(),
    /** How often people had asked for another try when the devices were looked at last. */
    retries: z.int().nonnegative().optional(),
    /** A look at the fleet that an earlier execution began: where it goes on and what it has seen so far. */
    look: z
      .object({
        from: z.int().nonnegative(),
        open: z.int().nonnegative(),
        broken: z.int().nonnegative(),
        rechecks: z.boolean(),
      })
      .optional(),
  }),
  output: Nothing,
});

/** Ends a roll: books closed, claims given back batch by batch, off the list of open rolls; continues as new. */
export const closeFleet = activityContract({
  name: "closeFleet",
  input: z.object({
    rollId: RollId,
    outcome: RollOutcome.optional(),
    /** Where an earlier execution left off. */
    progress: RollEnd.extend({ from: z.int().nonnegative() }).optional(),
  }),
  output: RollEnd,
});

/** Contains the fleet, notes it, and proves it; for where something else goes on beside. */
export const containAndProve = activityContract({
  name: "containAndProve",
  input: z.object({ rollId: RollId, batches: z.int().nonnegative(), pace: Pace, moves: z.boolean().optional() }),
  output: Nothing,
});

/** Waits for a person's word on the devices that were held back, then contains them, or leaves them as they are. */
export const admitFleet = activityContract({
  name: "admitFleet",
  input: z.object({
    rollId: RollId,
    batches: z.int().nonnegative(),
    pace: Pace,
    moves: z.boolean().optional(),
    heldBack: HeldBack,
    /** Where an earlier execution left off. */
    progress: z.object({ decision: z.enum(["admit", "drop"]), next: z.int().nonnegative() }).optional(),
  }),
  output: Nothing,
});
