import { formatInstant, type Instant } from "../instant";
import type { Refusal } from "../roll/device-row";

/** What is asked before an old CA leaves a group. */
export interface Retirement {
  readonly aborted: boolean;
  /** Devices of the roll, and how many of them are proven on the new CA. */
  readonly devices: number;
  readonly proven: number;
  /** `old-expired`: whoever asked for the roll accepts that the remainder is locked out once the old CA has expired. */
  readonly when: "all-proven" | "old-expired";
  /** When the old CAs expire; undefined where DPS does not say. */
  readonly oldNotAfter: readonly (Instant | undefined)[];
  readonly now: Instant;
}

/** Why the old CA stays in the group; undefined if it may go. */
export function refuseRetirement({
  aborted,
  devices,
  proven,
  when,
  oldNotAfter,
  now,
}: Retirement): Refusal | undefined {
  if (aborted) return { code: "roll-aborted", detail: "the roll was aborted: both CAs stay in the group" };
  const open = devices - proven;
  if (when === "all-proven")
    return open === 0
      ? undefined
      : {
          code: "not-all-proven",
          detail: `${open} of ${devices} devices are not proven on the new CA; they would be locked out, so the old one stays in the group`,
        };
  const last = oldNotAfter.reduce<Instant | undefined>(
    (latest, at) => (at === undefined || (latest ?? 0) > at ? latest : at),
    undefined,
  );
  if (oldNotAfter.every((at) => at !== undefined && at <= now)) return undefined;
  return {
    code: "old-not-expired",
    detail: `the old CA is to go when it has expired${last === undefined ? "" : `, at ${formatInstant(last)}`}; until then it stays in the group`,
  };
}

/** What keeps an old CA certificate in DPS. */
export interface StandingOn {
  /** Groups and individual enrollments that name it. */
  readonly references: readonly string[];
  /** Groups that name another CA below it and have no other anchor. */
  readonly anchored: readonly string[];
  /** Individual enrollments whose leaves it issued, directly or through others. */
  readonly leaning: number;
}

/** Why the old CA certificate is kept in DPS; undefined if it may be deleted. */
export function refuseDeletion({ references, anchored, leaning }: StandingOn): Refusal | undefined {
  if (references.length > 0)
    return { code: "authority-referenced", detail: `these entries name it: ${some(references)}; roll them first` };
  if (anchored.length > 0)
    return {
      code: "authority-anchors-others",
      detail: `these groups' chains end in it: ${some(anchored)}; without it they would let nobody in`,
    };
  if (leaning > 0)
    return {
      code: "authority-leaned-on",
      detail: `${leaning} individual enrollments hold leaves that come from it, or name it`,
    };
  return undefined;
}

function some(names: readonly string[]): string {
  return names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
}
