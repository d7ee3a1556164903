import { addMs, type Instant } from "../instant";
import type { WaveCounts } from "../pacing/judge-wave";
import type { DeviceRow } from "./device-row";
import type { RollTiming } from "./request";

/** Pauses before the second, third and fourth attempt, in milliseconds, where the request says nothing else. */
export const DEFAULT_RETRY_MS = [300_000, 3_600_000, 21_600_000] as const;

/** Attempts whose outcome is open are watched this closely at first; who takes longer is looked at between others. */
export const PATIENCE_MS = 60_000;

/** True while an attempt waits for its answer, or for the proof of it. */
export function isInFlight(row: DeviceRow): boolean {
  return row.attempt !== undefined && isAtWork(row);
}

/** True while the roll can do something for the device at once, or waits for the answer of an attempt. */
export function isAtWork(row: DeviceRow): boolean {
  if (row.skipped !== undefined || row.proof !== undefined || row.refusal !== undefined || cameToNothing(row))
    return false;
  // What a breach has cut off is waited for elsewhere.
  return row.containedAt === undefined && row.entry.state === "open";
}

/** True for a device that is to be tried again later, and that the roll still waits for. */
export function isAside(row: DeviceRow): boolean {
  return cameToNothing(row) && (row.unreachable !== undefined || row.tryAgainAt !== undefined);
}

/** The last attempt is over and nothing has come of it, or nothing yet. A refused replacement is no attempt. */
function cameToNothing(row: DeviceRow): boolean {
  if (row.skipped !== undefined || row.proof !== undefined || row.refusal !== undefined) return false;
  const { unreachable, failed, regressed, tryAgainAt } = row;
  return [unreachable, failed, regressed, tryAgainAt].some((came) => came !== undefined);
}

/** When the present attempt ends, answered or not. */
export function attemptEnd(row: DeviceRow, { attemptMs }: Pick<RollTiming, "attemptMs">): Instant | undefined {
  return row.attempt === undefined ? undefined : addMs(row.attempt.startedAt, attemptMs);
}

/** The row without what earlier attempts came to. */
export function fresh(row: DeviceRow): DeviceRow {
  const { missing: _m, failed: _f, unreachable: _u, regressed: _r, tryAgainAt: _t, ...rest } = row;
  return rest;
}

/** Sets a device aside after `tries` attempts: when it is tried again is a matter of how often that was. */
export function setAside(
  row: DeviceRow,
  came: Pick<DeviceRow, "unreachable"> | Pick<DeviceRow, "failed"> | Pick<DeviceRow, "regressed">,
  tries: number,
  timing: Pick<RollTiming, "retryMs">,
  now: Instant,
): DeviceRow {
  const pause = (timing.retryMs ?? DEFAULT_RETRY_MS)[Math.max(0, tries - 1)];
  return { ...fresh(row), ...came, ...(pause === undefined ? {} : { tryAgainAt: addMs(now, pause) }) };
}

/**
 * May a device that stands aside be tried again? When its time has come, when a person asked, or when it was heard again
 * although the last command had not reached it. One that took the command and kept silent only has its times: it would be
 * asked at every heartbeat.
 */
export function mayTryAgain(
  row: DeviceRow,
  o: { readonly now: Instant; readonly heardAt: Instant | undefined; readonly retries: number },
): boolean {
  if (!cameToNothing(row)) return false;
  if (row.tryAgainAt !== undefined && row.tryAgainAt <= o.now) return true;
  if (o.retries > (row.retriesSeen ?? 0)) return true;
  const { unreachable, attempt } = row;
  return (
    unreachable !== undefined &&
    attempt?.acknowledgedAt === undefined &&
    o.heardAt !== undefined &&
    o.heardAt > unreachable.since
  );
}

/** How a wave counts the device. `left-out`: nothing was ever sent to it. */
export function waveStanding(row: DeviceRow): keyof WaveCounts | "left-out" {
  const neverAsked = row.attempts === 0 && row.csr === undefined;
  if (row.skipped !== undefined || (row.refusal !== undefined && neverAsked)) return "left-out";
  if (row.proof !== undefined) return "succeeded";
  if (row.failed !== undefined || row.regressed !== undefined) return "failed";
  return row.unreachable === undefined ? "open" : "unreachable";
}
