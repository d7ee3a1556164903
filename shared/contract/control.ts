import { z } from "zod";
import { RollId } from "../domain/ids";
import { Instant } from "../domain/instant";
import { ApprovalSubject } from "../domain/roll/control";
import { activityContract } from "./activity";

/** What a roll waits for; all of it must hold at once. An empty one holds unless the roll is aborted. */
export const WaitConditions = z.object({
  /** Each of these has been approved. */
  approved: z.array(ApprovalSubject).max(10).optional(),
  /** Nobody has paused the roll, and no brake has. */
  notPaused: z.literal(true).optional(),
  /** A maintenance window is open and no freeze is on. */
  windowOpen: z.literal(true).optional(),
  /** Never holds, so that only a retry, an abort or the deadline ends the wait. */
  never: z.literal(true).optional(),
});
export type WaitConditions = z.infer<typeof WaitConditions>;

const Watched = z.object({
  rollId: RollId,
  until: WaitConditions,
  /** The wait also ends, as `retry`, once more retries than this have been asked for. */
  retriesSeen: z.int().nonnegative().optional(),
});

/** Reads the roll's control row and says whether what is waited for holds now. */
export const readControl = activityContract({
  name: "readControl",
  input: Watched,
  output: z.object({
    state: z.enum(["met", "aborted", "retry", "waiting"]),
    /** Retries asked for so far. */
    retries: z.int().nonnegative(),
    /** What does not hold yet, in the words of {@link WaitConditions}; `control-row` if there is none to read. */
    missing: z.array(z.enum(["approved", "notPaused", "windowOpen", "never", "control-row"])),
  }),
});

/**
 * Waits, asking every `pollMs`, until the conditions hold (`met`), the roll is aborted, somebody asks for a retry, or the
 * deadline has come; whichever is seen first, in this order where several are.
 */
export const waitUntil = activityContract({
  name: "waitUntil",
  input: Watched.extend({ pollMs: z.int().positive(), deadline: Instant.optional() }),
  output: z.object({
    reason: z.enum(["met", "aborted", "retry", "deadline"]),
    /** Retries asked for so far; give it as `retriesSeen` to the next wait. */
    retries: z.int().nonnegative(),
  }),
});
