import { z } from "zod";
import type { Instant } from "../instant";
import type { Wave } from "./wave-policy";

/** Where a wave's devices stand; each is in exactly one of the four, so that they add up to the wave. */
export const WaveCounts = z.object({
  succeeded: z.int().nonnegative(),
  failed: z.int().nonnegative(),
  /** Did not answer; counted neither as a success nor as an error. */
  unreachable: z.int().nonnegative(),
  /** Still at it. */
  open: z.int().nonnegative(),
});
export type WaveCounts = z.infer<typeof WaveCounts>;

export const BrakeReason = z.enum([
  /** More than `errorThreshold` of the finished devices failed. */
  "too-many-errors",
  /** `successThreshold` cannot be reached any more, even if every open device succeeds. */
  "success-out-of-reach",
  /** After an hour fewer than `minCount` devices have finished. */
  "too-few-finished",
  /** Nobody can say how the wave stands. */
  "counts-missing",
  /** The counts are no counts, or do not add up to the wave. */
  "counts-contradictory",
]);
export type BrakeReason = z.infer<typeof BrakeReason>;

export type WaveVerdict =
  | { readonly verdict: "go-on" }
  | { readonly verdict: "wait" }
  | { readonly verdict: "brake"; readonly reason: BrakeReason };

/** After this long a wave has to show something. */
export const SHOW_RESULTS_MS = 3_600_000;

/**
 * May the roll go on to the next wave? Shares are judged once `minCount` devices have finished, so that one early failure
 * stops nothing and one early success opens nothing; after {@link SHOW_RESULTS_MS} without that many the roll brakes. What
 * cannot be read brakes too.
 *
 * @param startedAt when the wave began, or was resumed; a moment after `now` counts as `now`.
 */
export function judgeWave(
  counts: WaveCounts | undefined,
  wave: Pick<Wave, "size" | "successThreshold" | "errorThreshold" | "minCount" | "settleMs">,
  startedAt: Instant,
  now: Instant,
): WaveVerdict {
  if (counts === undefined) return brake("counts-missing");
  const read = WaveCounts.safeParse(counts);
  if (!read.success) return brake("counts-contradictory");
  const { succeeded, failed, unreachable, open } = read.data;
  if (succeeded + failed + unreachable + open !== wave.size) return brake("counts-contradictory");

  const finished = succeeded + failed;
  const watchedMs = now - startedAt;
  if (finished < Math.min(wave.minCount, wave.size)) {
    return watchedMs >= SHOW_RESULTS_MS ? brake("too-few-finished") : { verdict: "wait" };
  }
  if (failed / finished > wave.errorThreshold) return brake("too-many-errors");
  const reachable = wave.size - unreachable;
  if ((succeeded + open) / reachable < wave.successThreshold) return brake("success-out-of-reach");
  const succeededEnough = succeeded / reachable >= wave.successThreshold;
  return { verdict: succeededEnough && watchedMs >= wave.settleMs ? "go-on" : "wait" };
}

function brake(reason: BrakeReason): WaveVerdict {
  return { verdict: "brake", reason };
}
