import { z } from "zod";
import { RollId } from "../domain/ids";
import { Instant } from "../domain/instant";
import { RollOutcome, RollPhase } from "../domain/roll/roll";
import { activityContract } from "./activity";
import { PacedInput, PacedOutput } from "./pacing";

const RollInput = z.object({ rollId: RollId });
const BatchInput = z.object({ rollId: RollId, batch: z.int().nonnegative() });

/** Times that orchestrators need; frozen with the request. */
export const Pace = z.object({ pollMs: z.int().positive(), recheckMs: z.int().positive(), deadline: Instant });
export type Pace = z.infer<typeof Pace>;

/**
 * Collects a page of the target list, from the request, the listed blob or the group's registrations, and stores it as one
 * part. `next` is where to go on; absent at the end.
 */
export const gatherTargets = activityContract({
  name: "gatherTargets",
  input: z.object({ rollId: RollId, part: z.int().nonnegative(), cursor: z.string().max(2_000).optional() }),
  output: z.object({ devices: z.int().nonnegative(), next: z.string().max(2_000).optional() }),
});

/** What an automatic roll may not cut off without a person's approval. */
export const HeldBack = z.object({
  devices: z.int().positive(),
  /** What the approval must name: SHA-256 of the target list, upper-case hex. */
  planHash: z.string().length(64),
  /** The first batch with such a device in it. */
  fromBatch: z.int().nonnegative(),
});
export type HeldBack = z.infer<typeof HeldBack>;

/** What the target list was cut into. */
export const CutFleet = z.object({
  devices: z.int().nonnegative(),
  batches: z.int().nonnegative(),
  waves: z.int().nonnegative(),
  /** Why nothing was cut: the wave policy does not fit this fleet; the roll's header says more. */
  refused: z.string().max(60).optional(),
  /** Devices that wait for an approval; absent: the whole list may go on. */
  heldBack: HeldBack.optional(),
});

/** Orders all parts by (wave, facts partition, id), each device once, and cuts them into batches; frozen from here on. */
export const cutTargets = activityContract({
  name: "cutTargets",
  input: z.object({ rollId: RollId, parts: z.int().nonnegative() }),
  output: CutFleet,
});

/** Creates the rows of some batches from `from` on and claims their devices. `next`: the first batch that is left. */
export const openBatches = activityContract({
  name: "openBatches",
  input: z.object({ rollId: RollId, from: z.int().nonnegative(), batches: z.int().nonnegative() }),
  output: z.object({ next: z.int().nonnegative().optional() }),
});

/** Moves the roll's header to a phase; passing one again changes nothing. Answers the times that orchestrators need. */
export const enterPhase = activityContract({
  name: "enterPhase",
  input: z.object({ rollId: RollId, phase: RollPhase }),
  output: z.object({
    phase: RollPhase,
    pace: Pace,
    /** Containment `reprovision`: devices are told to change over before anything is cut. */
    moves: z.boolean().optional(),
  }),
});

/** Containment, first half at DPS: no bad certificate registers any more. `open` devices need another call. */
export const closeAtDps = activityContract({
  name: "closeAtDps",
  input: BatchInput.extend(PacedInput.shape),
  output: z.object({ closed: z.int().nonnegative(), open: z.int().nonnegative(), ...PacedOutput.shape }),
});

/** Containment `reprovision`: tells devices to register again, once per attempt. */
export const tellToMove = activityContract({
  name: "tellToMove",
  input: BatchInput,
  output: z.object({ told: z.int().nonnegative() }),
});

/** Containment, first write at every hub: identities disabled and holding sentinels. `readyAt`: when the hold is over. */
export const holdAtHub = activityContract({
  name: "holdAtHub",
  input: BatchInput.extend(PacedInput.shape),
  output: z.object({
    held: z.int().nonnegative(),
    pending: z.int().nonnegative(),
    readyAt: Instant,
    ...PacedOutput.shape,
  }),
});

/** Containment, second write: status as before, allowed leaves or sentinels. `pending` devices need another round. */
export const releaseHold = activityContract({
  name: "releaseHold",
  input: BatchInput.extend(PacedInput.shape),
  output: z.object({ released: z.int().nonnegative(), pending: z.int().nonnegative(), ...PacedOutput.shape }),
});

/** Fresh reads at DPS and every hub; only they make the claim "contained". */
export const confirmContained = activityContract({
  name: "confirmContained",
  input: BatchInput.extend(PacedInput.shape),
  output: z.object({
    contained: z.int().nonnegative(),
    /** Devices that need another round of hold, release and confirmation. */
    exposed: z.int().nonnegative(),
    /** Devices given up on after five re-reads; they stay listed as exposed. */
    unconfirmed: z.int().nonnegative(),
    ...PacedOutput.shape,
  }),
});

/** Notes in the header that every batch went through containment. */
export const noteContained = activityContract({
  name: "noteContained",
  input: RollInput,
  output: z.object({ contained: z.int().nonnegative() }),
});

/**
 * Reads contained devices again; a reversal takes the claim back. `broken` devices, and those given up on before, need
 * another containment.
 */
export const recheckContained = activityContract({
  name: "recheckContained",
  input: BatchInput.extend(PacedInput.shape),
  output: z.object({ broken: z.int().nonnegative(), ...PacedOutput.shape }),
});

/** The batches from `from` on that something is waited for, at most `limit`; `next` is where to go on. */
export const listWaiting = activityContract({
  name: "listWaiting",
  input: z.object({ rollId: RollId, from: z.int().nonnegative(), limit: z.int().positive().max(90) }),
  output: z.object({ batches: z.array(z.int().nonnegative()).max(90), next: z.int().nonnegative().optional() }),
});

/**
 * Asks devices that came back to report, and judges the reports. `open` devices are still waited for; `unread` ones among
 * them wait for a new leaf only because the CA certificates of DPS could not be read when it was judged.
 */
export const proveBatch = activityContract({
  name: "proveBatch",
  input: BatchInput.extend(PacedInput.shape),
  output: PacedOutput.extend({
    open: z.int().nonnegative(),
    proven: z.int().nonnegative(),
    broken: z.int().nonnegative(),
    unread: z.int().nonnegative().optional(),
  }),
});

/** Final counts, exposure, outcome. `outcome`: where it does not follow from the counts (aborted, refused, a dry run). */
export const closeRoll = activityContract({
  name: "closeRoll",
  input: z.object({ rollId: RollId, outcome: RollOutcome.optional() }),
  output: z.object({ outcome: RollOutcome, proven: z.int().nonnegative() }),
});

/** Gives the claims of some batches from `from` on back; without `next` the roll is off the list of open ones. */
export const releaseClaims = activityContract({
  name: "releaseClaims",
  input: z.object({ rollId: RollId, from: z.int().nonnegative() }),
  output: z.object({ next: z.int().nonnegative().optional() }),
});

/**
 * A person has decided on the devices of a batch that were held back: `admit` claims them and lets containment begin, `drop`
 * leaves them as they are.
 */
export const admitHeldBack = activityContract({
  name: "admitHeldBack",
  input: BatchInput.extend({ decision: z.enum(["admit", "drop"]) }),
  output: z.object({ admitted: z.int().nonnegative() }),
});
