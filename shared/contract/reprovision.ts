import { z } from "zod";
import { RollId } from "../domain/ids";
import { Instant } from "../domain/instant";
import { BrakeReason } from "../domain/pacing/judge-wave";
import { Gate } from "../domain/pacing/wave-policy";
import { Pace } from "./activities";
import { activityContract } from "./activity";
import { PacedInput, PacedOutput } from "./pacing";

// What a roll does that leaves old trust open until the devices have changed over: both leaves are valid meanwhile, so that
// nobody is cut off. Used by expiry rolls of either kind, whatever is staged beforehand.

const Count = z.int().nonnegative();
const BatchInput = z.object({ rollId: RollId, batch: Count });
const Nothing = z.object({});

/** What the request means for the way to go; read once per execution. */
export const readCourse = activityContract({
  name: "readCourse",
  input: z.object({ rollId: RollId }),
  output: z.object({
    batches: Count,
    waves: Count,
    /** `watchMs`: how long a pass stays with a batch whose devices have yet to answer. */
    pace: Pace.extend({ watchMs: z.int().positive() }),
    /** Devices make a key and a certificate request; an issuer signs it. */
    csr: z.boolean(),
    /** New leaves are there beforehand, and have to be judged before anybody is told; absent: no. */
    judges: z.boolean().optional(),
    /** The new leaf must stand in the device's own entry before the device can use it. */
    stage: z.boolean(),
    /** When devices give up their old leaf; `never` where that is left to its expiry. */
    retire: z.enum(["all-proven", "old-expired", "never"]),
  }),
});
export type Course = z.infer<typeof readCourse.output>;

/**
 * Individual enrollments: reads each entry, finds the slot for the new leaf, judges the replacement. Devices of a group: judges
 * the leaves that come with the request or out of a container. Writes nothing at DPS.
 * `open` devices could not be judged now.
 */
export const planExpiry = activityContract({
  name: "planExpiry",
  input: BatchInput.extend(PacedInput.shape),
  output: PacedOutput.extend({ planned: Count, refused: Count, open: Count }),
});

/** Asks devices for certificate requests and has them signed. `open` devices are asked again later. */
export const requestCsrs = activityContract({
  name: "requestCsrs",
  input: BatchInput.extend(PacedInput.shape),
  output: PacedOutput.extend({ issued: Count, open: Count }),
});

/** Puts the new leaf into the free slot of each entry, one guarded write per entry; the old leaf stays. */
export const stageBatch = activityContract({
  name: "stageBatch",
  input: BatchInput.extend(PacedInput.shape),
  output: PacedOutput.extend({ staged: Count, open: Count }),
});

/**
 * Tells devices to change over, each attempt on record before it is sent. `held`: nothing was sent, because the roll is
 * paused or aborted, or no maintenance window is open.
 */
export const dispatchBatch = activityContract({
  name: "dispatchBatch",
  input: BatchInput.extend(PacedInput.shape),
  output: PacedOutput.extend({ sent: Count, held: z.boolean() }),
});

/** Judges what devices have reported, and ends attempts that got no answer. `inFlight` devices may still answer. */
export const proveChange = activityContract({
  name: "proveChange",
  input: BatchInput,
  output: z.object({ proven: Count, inFlight: Count }),
});

/**
 * Tells proven devices to drop their old key and clears the old slot, where every fresh read still says proven. `open`
 * devices need another call; `regressed` devices went back to their old leaf, which therefore stays.
 */
export const retireBatch = activityContract({
  name: "retireBatch",
  input: BatchInput.extend(PacedInput.shape),
  output: PacedOutput.extend({ retired: Count, kept: Count, open: Count, regressed: Count }),
});

/** Where a wave lies, and what opens it. */
export const readWave = activityContract({
  name: "readWave",
  input: z.object({ rollId: RollId, wave: Count }),
  output: z.object({ firstBatch: Count, batches: Count, gate: Gate }),
});

/**
 * The batches that want to be worked on, in order, from `from` up to and without `to`, some at a time: those that are due,
 * or with `all` those that are waited for at all. While nothing may be dispatched: those with devices that may still answer.
 */
export const dueBatches = activityContract({
  name: "dueBatches",
  input: z.object({ rollId: RollId, from: Count, to: Count, all: z.boolean() }),
  output: z.object({ batches: z.array(Count).max(90), next: Count.optional() }),
});

/** How things stand: a wave by its rules, or without `wave` the whole roll, which `go-on` means is done. */
export const weigh = activityContract({
  name: "weigh",
  input: z.object({
    rollId: RollId,
    wave: Count.optional(),
    startedAt: Instant,
    /** Failures that a person has looked at and let pass. */
    forgiven: Count,
  }),
  output: z.object({
    verdict: z.enum(["go-on", "wait", "brake"]),
    reason: BrakeReason.optional(),
    failed: Count,
    waiting: Count,
    /** When a device is to be tried again, as far as that is known; 0 = some are at work now. */
    dueAt: Instant.optional(),
  }),
});

/** The roll pauses itself, for a person to look. The same brake again changes nothing. */
export const brakeRoll = activityContract({
  name: "brakeRoll",
  input: z.object({ rollId: RollId, wave: Count, startedAt: Instant, reason: BrakeReason }),
  output: Nothing,
});

/** Plans every batch, some at a time; continues as new from `next`. */
export const planFleet = activityContract({
  name: "planFleet",
  input: z.object({ rollId: RollId, batches: Count, next: Count }),
  output: Nothing,
});

/**
 * Takes a fleet over to its new leaves, wave by wave, then waits for stragglers. `all-done`: nothing is waited for any more.
 * Needs the batches open and, where the course says so, planned; the control row decides about going on.
 */
export const reprovisionFleet = activityContract({
  name: "reprovisionFleet",
  input: z.object({
    rollId: RollId,
    /** How far an earlier execution came. */
    progress: z
      .object({
        wave: Count,
        /** When the wave began, or was resumed. */
        startedAt: Instant.optional(),
        forgiven: Count,
        /** When every device that is waited for is looked at next, whether due or not. */
        lookAt: Instant,
        retries: Count,
      })
      .optional(),
  }),
  output: z.object({ ended: z.enum(["all-done", "deadline", "aborted"]) }),
});

/** One pass over the batches that want to be worked on; continues as new from `from`. */
export const reprovisionWave = activityContract({
  name: "reprovisionWave",
  input: z.object({ rollId: RollId, from: Count, to: Count, all: z.boolean() }),
  output: Nothing,
});

/** One pass over one batch: request, stage, dispatch, and prove for as long as answers come quickly. */
export const reprovisionBatch = activityContract({
  name: "reprovisionBatch",
  input: z.object({
    rollId: RollId,
    batch: Count,
    /** Where an earlier execution went on as this one: until when answers are watched closely. */
    watchUntil: Instant.optional(),
  }),
  output: Nothing,
});

/** Retires the old leaves of every batch, some at a time; continues as new. */
export const retireFleet = activityContract({
  name: "retireFleet",
  input: z.object({
    rollId: RollId,
    progress: z.object({ next: Count, retired: Count, kept: Count, regressed: Count }).optional(),
  }),
  output: z.object({ retired: Count, kept: Count, regressed: Count }),
});

/** A closed expiry roll's old leaves have run out: they leave their entries now. */
export const retireDue = activityContract({
  name: "retireDue",
  input: z.object({ rollId: RollId, key: z.string().min(1).max(200) }),
  output: Nothing,
});
