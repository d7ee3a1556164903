import type { z } from "zod";
import { DEFAULT_RETRY_MS } from "../domain/roll/attempts";
import { readPauses, variable, wholeNumber } from "./variables";

/** Durations in milliseconds unless the name says otherwise. */
export interface Timing {
  /** How long a contained identity stays disabled, so that the hub drops its live session. */
  readonly pulseHoldMs: number;
  /** How long registrations that DPS had accepted before it was closed may still reach the hub. */
  readonly settleMs: number;
  /** Pause between two looks at devices that are to report. */
  readonly pollMs: number;
  /** Pause between two reads of contained devices that are not proven yet. */
  readonly recheckMs: number;
  /** After this long without an answer an attempt has ended. */
  readonly attemptMs: number;
  /** Containment `reprovision`: a device that has not changed over by then is cut off. */
  readonly moveMs: number;
  /** Containment `disable`: an identity that got no new leaf by then holds sentinels and is enabled. */
  readonly parkMs: number;
  /** Pauses before the second, third, … attempt; none: a device that did not answer is tried once. */
  readonly retryMs: number[];
  /** How long a step owns a batch. */
  readonly leaseMs: number;
  /** Claims and rolls without an orchestration are started again once they are this old. */
  readonly sweepAgeMs: number;
  readonly deadlineHours: number;
  /** After this long a call to Azure counts as not answered. */
  readonly callTimeoutMs: number;
}

/** The same as variables. The defaults suit Azure; a lab can be in more of a hurry. */
export const timingVariables = {
  ROLLCALL_PULSE_HOLD_MS: wholeNumber({ fallback: 180_000, min: 0, max: 3_600_000 }),
  ROLLCALL_SETTLE_MS: wholeNumber({ fallback: 60_000, min: 0, max: 3_600_000 }),
  ROLLCALL_POLL_MS: wholeNumber({ fallback: 10_000, min: 100, max: 3_600_000 }),
  ROLLCALL_RECHECK_MS: wholeNumber({ fallback: 300_000, min: 100, max: 86_400_000 }),
  ROLLCALL_ATTEMPT_MS: wholeNumber({ fallback: 600_000, min: 1_000, max: 86_400_000 }),
  ROLLCALL_MOVE_MS: wholeNumber({ fallback: 900_000, min: 0, max: 86_400_000 }),
  ROLLCALL_PARK_MS: wholeNumber({ fallback: 3_600_000, min: 0, max: 86_400_000 }),
  ROLLCALL_RETRY_MS: variable(
    "give at most 20 pauses in milliseconds, separated by commas, such as 300000,3600000,21600000",
    readPauses,
  ).default([...DEFAULT_RETRY_MS]),
  ROLLCALL_LEASE_MS: wholeNumber({ fallback: 60_000, min: 1_000, max: 600_000 }),
  ROLLCALL_SWEEP_AGE_MS: wholeNumber({ fallback: 60_000, min: 0, max: 3_600_000 }),
  // Nothing waits longer than seven days inside an orchestration.
  ROLLCALL_DEADLINE_HOURS: wholeNumber({ fallback: 168, min: 1, max: 168 }),
  ROLLCALL_CALL_TIMEOUT_MS: wholeNumber({ fallback: 30_000, min: 100, max: 230_000 }),
};

type TimingValues = { readonly [K in keyof typeof timingVariables]: z.output<(typeof timingVariables)[K]> };

export function timingOf(data: TimingValues): Timing {
  return {
    pulseHoldMs: data.ROLLCALL_PULSE_HOLD_MS,
    settleMs: data.ROLLCALL_SETTLE_MS,
    pollMs: data.ROLLCALL_POLL_MS,
    recheckMs: data.ROLLCALL_RECHECK_MS,
    attemptMs: data.ROLLCALL_ATTEMPT_MS,
    moveMs: data.ROLLCALL_MOVE_MS,
    parkMs: data.ROLLCALL_PARK_MS,
    retryMs: data.ROLLCALL_RETRY_MS,
    leaseMs: data.ROLLCALL_LEASE_MS,
    sweepAgeMs: data.ROLLCALL_SWEEP_AGE_MS,
    deadlineHours: data.ROLLCALL_DEADLINE_HOURS,
    callTimeoutMs: data.ROLLCALL_CALL_TIMEOUT_MS,
  };
}
