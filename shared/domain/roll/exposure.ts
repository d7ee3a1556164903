import type { Instant } from "../instant";
import type { BatchSummary } from "./batch-summary";
import type { Exposure } from "./roll";

/**
 * How long the old credentials stayed usable: from the request to the moment fresh reads showed each device contained, in
 * nearest ranks, exact. Undefined while no device is contained. Devices that were never confirmed are not in it; they are
 * listed as exposed.
 */
export function exposureOf(contained: BatchSummary["contained"], requestedAt: Instant): Exposure | undefined {
  return ranksOf(contained.map(([at, devices]) => [Math.max(0, at - requestedAt), devices]));
}

/** The same over durations in milliseconds, each with the number of devices it holds for. */
export function ranksOf(windows: readonly (readonly [ms: number, devices: number])[]): Exposure | undefined {
  const sorted = [...windows].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, devices]) => sum + devices, 0);
  if (total === 0) return undefined;
  const at = (quantile: number): number => {
    let rank = Math.ceil(quantile * total);
    return sorted.find(([, devices]) => (rank -= devices) <= 0)?.[0] ?? 0;
  };
  return { p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}
