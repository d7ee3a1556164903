import { Cron } from "croner";
import { instant } from "../../domain/instant";
import type { MaintenanceWindow } from "../../domain/pacing/windows";
import type { Calendar } from "../../ports/calendar";

/**
 * Reads cron texts on the clocks of a time zone. Where the clocks are put forward, a start within the hour that does not
 * exist is the first moment after it; where they are put back, a start that would come twice comes once. Patterns with
 * several hours or minutes follow the clocks as they show: not at all, or both times.
 */
export const cronCalendar: Calendar = {
  next: (window, at) => asInstant(schedule(window).nextRun(new Date(at))),
  // The library looks for runs before a moment; starts lie on whole minutes.
  last: (window, at) => asInstant(schedule(window).previousRuns(1, new Date(at + 1))[0]),
  problem: (window) => {
    try {
      if (schedule(window).nextRun(new Date(0)) !== null) return undefined;
      return `the cron text "${window.cron}" names no moment that will ever come`;
    } catch {
      return `"${window.cron}" in "${window.timeZone}" cannot be read: give five cron fields and an IANA time zone`;
    }
  },
};

function schedule({ cron, timeZone }: MaintenanceWindow): Cron {
  return new Cron(cron, { mode: "5-part", timezone: timeZone, paused: true });
}

function asInstant(date: Date | null | undefined) {
  return date === null || date === undefined ? undefined : instant(date.getTime());
}
