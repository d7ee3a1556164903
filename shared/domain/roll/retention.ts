import { addMs, type Instant } from "../instant";
import type { Roll } from "./roll";

const DAY_MS = 86_400_000;

/** How long finished rolls are kept, in days after their end; 0: for ever. */
export interface Retention {
  /** Devices' rows, targets, plan and journals. */
  readonly detailDays: number;
  /** The roll's header, and its report. */
  readonly reportDays: number;
}

/** What ended before these moments goes; absent: it stays. */
export interface PurgeBefore {
  readonly detailsBefore?: Instant | undefined;
  readonly reportsBefore?: Instant | undefined;
}

export function purgeBefore({ detailDays, reportDays }: Retention, now: Instant): PurgeBefore {
  return {
    ...(detailDays === 0 ? {} : { detailsBefore: addMs(now, -detailDays * DAY_MS) }),
    ...(reportDays === 0 ? {} : { reportsBefore: addMs(now, -reportDays * DAY_MS) }),
  };
}

/**
 * What of a roll has outlived its time. Nothing of one that is not over, that has yet to give its devices back (`isOpen`), or
 * whose rows later work still needs (`isAwaited`); no report of one whose details stay.
 */
export function outlived(
  { phase, finishedAt, purged }: Pick<Roll, "phase" | "finishedAt" | "purged">,
  before: PurgeBefore,
  { isOpen, isAwaited }: { readonly isOpen: boolean; readonly isAwaited: boolean },
): "nothing" | "details" | "everything" {
  if (phase !== "finished" || finishedAt === undefined || isOpen || isAwaited) return "nothing";
  const endedBefore = (moment: Instant | undefined): boolean => moment !== undefined && finishedAt < moment;
  if (endedBefore(before.reportsBefore)) return "everything";
  return endedBefore(before.detailsBefore) && purged?.done !== true ? "details" : "nothing";
}
