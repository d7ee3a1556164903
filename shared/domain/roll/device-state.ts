import { z } from "zod";
import type { DeviceRow } from "./device-row";

/** A device's state, computed from its row and never stored apart from it. */
export const DeviceState = z.enum([
  /** Nothing is cut yet: the old credential may still work. */
  "planned",
  /** DPS refuses the old credential; the hub may not yet. */
  "staged",
  /** Cut at DPS and hub by our writes, fresh reads did not confirm it: treat as exposed. */
  "contained-unconfirmed",
  /** Fresh reads show that the old credential opens nothing; no replacement is known, so nothing more will happen. */
  "contained",
  /** Contained; the device has to find its way back with the new leaf. */
  "await-self-heal",
  /** It was heard again over an allowed leaf and was asked to report. */
  "dispatched",
  /** Done: every rule of the proof holds. */
  "proven",
  "failed",
  "skipped",
]);
export type DeviceState = z.infer<typeof DeviceState>;

export const DeviceCounts = z.partialRecord(DeviceState, z.int().nonnegative());
export type DeviceCounts = z.infer<typeof DeviceCounts>;

/** Derives the state; the order of the questions is the order of the claims, strongest first. */
export function deviceState(row: DeviceRow): DeviceState {
  if (row.skipped !== undefined) return "skipped";
  if (row.proof !== undefined) return "proven";
  if (row.failed !== undefined) return "failed";
  if (row.containedAt !== undefined) {
    if (row.attempt !== undefined) return "dispatched";
    return row.allowed.length === 0 ? "contained" : "await-self-heal";
  }
  if (row.unconfirmed !== undefined) return "contained-unconfirmed";
  return row.entry.state === "open" ? "planned" : "staged";
}

export function countStates(rows: readonly DeviceRow[]): DeviceCounts {
  const counts: DeviceCounts = {};
  for (const row of rows) {
    const state = deviceState(row);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

export function addCounts(all: readonly DeviceCounts[]): DeviceCounts {
  const sum: DeviceCounts = {};
  for (const counts of all) {
    for (const state of DeviceState.options) {
      const n = counts[state];
      if (n !== undefined) sum[state] = (sum[state] ?? 0) + n;
    }
  }
  return sum;
}

/** True while the roll still waits for something to happen to this device. */
export function isOpen(row: DeviceRow): boolean {
  switch (deviceState(row)) {
    case "await-self-heal":
    case "dispatched":
    case "contained-unconfirmed":
      return true;
    case "contained":
      return row.replacementPending !== undefined;
    default:
      return false;
  }
}
