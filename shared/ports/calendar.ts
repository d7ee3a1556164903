import type { MaintenanceWindow, WindowStarts } from "../domain/pacing/windows";

/** Cron texts and time zones, read. */
export interface Calendar extends WindowStarts {
  /** What is wrong with a window's cron text or time zone, as a sentence; undefined if nothing is. */
  problem(window: MaintenanceWindow): string | undefined;
}
