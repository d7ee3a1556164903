import type { Instant } from "../instant";
import type { DeviceRow } from "./device-row";
import type { Exposure } from "./roll";

/**
 * How long the old credentials stayed usable: from the request to the moment fresh reads showed each device contained.
 * Undefined while no device is contained. Devices that were never confirmed are not in it; they are listed as exposed.
 */
export function exposureOf(rows: readonly DeviceRow[], requestedAt: Instant): Exposure | undefined {
  const times = rows
    .flatMap((row) => (row.containedAt === undefined ? [] : [Math.max(0, row.containedAt - requestedAt)]))
    .sort((a, b) => a - b);
  if (times.length === 0) return undefined;
  const at = (quantile: number): number =>
    times[Math.min(times.length - 1, Math.ceil(quantile * times.length) - 1)] ?? 0;
  return { p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}
