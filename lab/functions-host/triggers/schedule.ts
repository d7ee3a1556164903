import { Cron } from "croner";
import { messageOf } from "../json";
import { HostRefused } from "../settings";
import { parseTimeSpan } from "../time-span";

/** When a timer trigger fires: an NCRONTAB expression or a constant interval. */
export interface Schedule {
  /** The first occurrence after `from`; milliseconds since the epoch; undefined: never again. */
  next(from: number): number | undefined;
  /** Milliseconds between two occurrences, as far as one can tell: decides whether the state is kept. */
  readonly periodMs: number;
}

/**
 * Reads the schedule of a timer trigger: six fields beginning with seconds (five are accepted), or a TimeSpan. Day of
 * month and day of week must both match, as in NCrontab. Throws HostRefused when it is neither.
 */
export function parseSchedule(text: string, timeZone: string, functionName: string, reference: number): Schedule {
  const interval = parseTimeSpan(text);
  if (interval !== undefined && interval > 0) {
    return { periodMs: interval, next: (from) => from + interval };
  }
  try {
    const fields = text.trim().split(/\s+/);
    if (fields.length !== 5 && fields.length !== 6) throw new Error(`it has ${fields.length} fields`);
    const pattern = fields.length === 5 ? `0 ${fields.join(" ")}` : fields.join(" ");
    const cron = new Cron(pattern, { paused: true, timezone: timeZone, domAndDow: true });
    const next = (from: number): number | undefined => cron.nextRun(new Date(from))?.getTime();
    const first = next(reference);
    const second = first === undefined ? undefined : next(first);
    return { next, periodMs: first === undefined || second === undefined ? Number.POSITIVE_INFINITY : second - first };
  } catch (error) {
    throw new HostRefused(
      `Function "${functionName}": the schedule "${text}" cannot be read (${messageOf(error)}). ` +
        'Write six fields beginning with seconds, such as "0 */5 * * * *", or a time span such as "00:05:00".',
    );
  }
}
