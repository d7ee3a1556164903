import { z } from "zod";
import { Instant } from "../instant";

/**
 * A maintenance window: it opens at each moment that `cron` names on the clocks of `timeZone`, and stays open for
 * `durationMinutes` of real time, also across a change of the clocks.
 */
export const MaintenanceWindow = z.object({
  /** Five fields: minute, hour, day of month, month, day of week; `0 22 * * FRI`. */
  cron: z.string().min(9).max(200),
  /** IANA name, such as `Europe/Berlin` or `UTC`. */
  timeZone: z.string().min(1).max(64),
  /** At most a week. */
  durationMinutes: z.int().min(1).max(10_080),
});
export type MaintenanceWindow = z.infer<typeof MaintenanceWindow>;

/** A time in which nothing is dispatched, whatever the windows say. `until` itself is free again. */
export const Freeze = z.object({ from: Instant, until: Instant, reason: z.string().max(200) });
export type Freeze = z.infer<typeof Freeze>;

/** When a roll may dispatch. Without windows always; never within a freeze. */
export const WorkTimes = z.object({
  windows: z.array(MaintenanceWindow).max(20),
  freezes: z.array(Freeze).max(100),
});
export type WorkTimes = z.infer<typeof WorkTimes>;

/** Finds the moments that a window's cron text names. Time zones need tables that the rules here do not have. */
export interface WindowStarts {
  /** The first start after `at`, or undefined if there is none. */
  next(window: MaintenanceWindow, at: Instant): Instant | undefined;
  /** The last start at or before `at`, or undefined if there is none. */
  last(window: MaintenanceWindow, at: Instant): Instant | undefined;
}

const MINUTE = 60_000;

/** May something be dispatched at this moment? */
export function isOpen(times: WorkTimes, at: Instant, starts: WindowStarts): boolean {
  if (times.freezes.some((freeze) => covers(freeze, at))) return false;
  return times.windows.length === 0 || times.windows.some((window) => endOf(window, at, starts) > at);
}

/** The first open moment at or after `at`; undefined if there is none before `latest`. */
export function nextOpening(times: WorkTimes, at: Instant, latest: Instant, starts: WindowStarts): Instant | undefined {
  for (let candidate: Instant | undefined = at; candidate !== undefined && candidate < latest;) {
    const now: Instant = candidate;
    if (isOpen(times, now, starts)) return now;
    const freeze = times.freezes.find((each) => covers(each, now));
    candidate = freeze === undefined ? earliest(times.windows.map((window) => starts.next(window, now))) : freeze.until;
  }
  return undefined;
}

/** Milliseconds between `from` and `to` in which something may be dispatched. */
export function openTime(times: WorkTimes, from: Instant, to: Instant, starts: WindowStarts): number {
  let sum = 0;
  for (const span of openSpans(times, from, to, starts)) sum += span.to - span.from;
  return sum;
}

/** When work of `workMs` ends that begins at `from` and rests outside the open times; `never`: not before `latest`. */
export function plannedEnd(
  workMs: number,
  times: WorkTimes,
  from: Instant,
  latest: Instant,
  starts: WindowStarts,
): Instant | "never" {
  let left = workMs;
  for (const span of openSpans(times, from, latest, starts)) {
    const end = span.from + left;
    if (end <= span.to) return Instant.parse(Math.ceil(end));
    left -= span.to - span.from;
  }
  return "never";
}

/** Between the end of a roll and the moment the first old certificate expires. */
export const EXPIRY_MARGIN_MS = 24 * 60 * MINUTE;

/** Does the work end, within the open times, a day before the first certificate expires? If so, when. */
export function endsBeforeExpiry(
  workMs: number,
  times: WorkTimes,
  from: Instant,
  notAfter: Instant,
  starts: WindowStarts,
): Instant | "never" {
  const latest = Instant.parse(Math.max(0, notAfter - EXPIRY_MARGIN_MS));
  return plannedEnd(workMs, times, from, latest, starts);
}

/** The open times between `from` and `to`, in order; neighbours may touch. */
function* openSpans(
  times: WorkTimes,
  from: Instant,
  to: Instant,
  starts: WindowStarts,
): Generator<{ readonly from: Instant; readonly to: Instant }, void> {
  for (let at = nextOpening(times, from, to, starts); at !== undefined;) {
    const end = closing(times, at, to, starts);
    yield { from: at, to: end };
    at = nextOpening(times, end, to, starts);
  }
}

/** The end of the open time that holds `at`, or a moment before it at which it is still open; at most `to`. */
function closing(times: WorkTimes, at: Instant, to: Instant, starts: WindowStarts): Instant {
  const freezes = times.freezes.map((freeze) => freeze.from).filter((from) => from > at);
  const open = times.windows.length === 0 ? to : Math.max(...times.windows.map((window) => endOf(window, at, starts)));
  return Instant.parse(Math.min(to, open, ...freezes));
}

/** When the opening closes that this window had last at `at`; 0 if it had none. */
function endOf(window: MaintenanceWindow, at: Instant, starts: WindowStarts): number {
  const start = starts.last(window, at);
  return start === undefined ? 0 : start + window.durationMinutes * MINUTE;
}

function covers(freeze: Freeze, at: Instant): boolean {
  return freeze.from <= at && at < freeze.until;
}

function earliest(moments: readonly (Instant | undefined)[]): Instant | undefined {
  return moments.reduce(
    (first, next) => (first === undefined || (next !== undefined && next < first) ? next : first),
    undefined,
  );
}
