import { z } from "zod";
import { RollId } from "../domain/ids";
import { Instant } from "../domain/instant";
import { activityContract } from "./activity";

const RollInput = z.object({ rollId: RollId });
const BatchInput = z.object({ rollId: RollId, batch: z.int().nonnegative() });

/** Times that orchestrators need; frozen with the request. */
export const Pace = z.object({ pollMs: z.int().positive(), recheckMs: z.int().positive(), deadline: Instant });
export type Pace = z.infer<typeof Pace>;

/** Cuts the target list into batches of at most 90 devices and claims the devices; from here on the list is frozen. */
export const openRoll = activityContract({
  name: "openRoll",
  input: RollInput,
  output: z.object({ batches: z.int().nonnegative(), pace: Pace }),
});

/** Containment, first half at DPS: no bad certificate registers any more. `open` devices need another call. */
export const closeAtDps = activityContract({
  name: "closeAtDps",
  input: BatchInput,
  output: z.object({ closed: z.int().nonnegative(), open: z.int().nonnegative() }),
});

/** Containment, first write at every hub: identities disabled and holding sentinels. `readyAt`: when the hold is over. */
export const holdAtHub = activityContract({
  name: "holdAtHub",
  input: BatchInput,
  output: z.object({ held: z.int().nonnegative(), pending: z.int().nonnegative(), readyAt: Instant }),
});

/** Containment, second write: status as before, allowed leaves or sentinels. `pending` devices need another round. */
export const releaseHold = activityContract({
  name: "releaseHold",
  input: BatchInput,
  output: z.object({ released: z.int().nonnegative(), pending: z.int().nonnegative() }),
});

/** Fresh reads at DPS and every hub; only they make the claim "contained". */
export const confirmContained = activityContract({
  name: "confirmContained",
  input: BatchInput,
  output: z.object({
    contained: z.int().nonnegative(),
    /** Devices that need another round of hold, release and confirmation. */
    exposed: z.int().nonnegative(),
    /** Devices given up on after five re-reads; they stay listed as exposed. */
    unconfirmed: z.int().nonnegative(),
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
  input: BatchInput,
  output: z.object({ broken: z.int().nonnegative() }),
});

/** Asks devices that came back to report, and judges the reports. `open` devices are still waited for. */
export const proveBatch = activityContract({
  name: "proveBatch",
  input: BatchInput,
  output: z.object({ open: z.int().nonnegative(), proven: z.int().nonnegative(), broken: z.int().nonnegative() }),
});

/** Final counts, exposure, outcome; gives the claims back. */
export const closeRoll = activityContract({
  name: "closeRoll",
  input: RollInput,
  output: z.object({ outcome: z.enum(["completed", "partial"]), proven: z.int().nonnegative() }),
});
