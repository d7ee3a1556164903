import { z } from "zod";
import { RollId } from "./ids";
import { addMs, Instant } from "./instant";

/**
 * Work that waits longer than an orchestration may. `retire`: old leaves of an expiry roll go once they have run out.
 * `retire-ca`: the same of a CA that a group still holds.
 * `lift-deny`: a deny entry of DPS is no longer needed. `recheck`: devices that a closed breach roll left contained and
 * unproven are read again.
 */
export const DueKind = z.enum(["retire", "retire-ca", "lift-deny", "recheck"]);
export type DueKind = z.infer<typeof DueKind>;

/** One piece of work that is due some day. */
export const DueRow = z.object({
  /** Names it: noted again under the same key it takes the place of the first. */
  key: z.string().min(1).max(200),
  kind: DueKind,
  dueAt: Instant,
  /** The roll it comes from. */
  rollId: RollId,
  /** What it is about within the roll, such as a deny entry's registration id. */
  subject: z.string().max(200).optional(),
  /** For people: what will happen and why then. */
  reason: z.string().max(500),
  notedAt: Instant,
});
export type DueRow = z.infer<typeof DueRow>;

export function dueKey(kind: DueKind, rollId: RollId, subject?: string): string {
  return subject === undefined ? `${kind}|${rollId}` : `${kind}|${rollId}|${subject}`;
}

/**
 * When a CA that is to stay until it has run out is looked at: on that day, then daily, because somebody may work on its
 * group. Undefined once 30 days have passed: then a person has to look, or where nobody knows when it runs out.
 */
export function nextRetirement(oldNotAfter: readonly (Instant | undefined)[], now: Instant): Instant | undefined {
  const ends = oldNotAfter.flatMap((end) => end ?? []);
  if (ends.length < oldNotAfter.length || ends.length === 0) return undefined;
  const last = Math.max(...ends);
  if (last > now) return addMs(Instant.parse(last), 1_000);
  return now - last > RECHECKED_FOR ? undefined : addMs(now, DAY);
}

const DAY = 86_400_000;
/** What has stayed contained for so long is not read again: its certificates are a matter for people by then. */
const RECHECKED_FOR = 30 * DAY;

/**
 * When the devices of a closed roll are read again: as often as during the roll at first, then ever more seldom, each pause
 * a quarter of the time that has passed. Undefined once 30 days have.
 */
export function nextRecheck(finishedAt: Instant, now: Instant, recheckMs: number): Instant | undefined {
  const age = Math.max(0, now - finishedAt);
  return age > RECHECKED_FOR ? undefined : addMs(now, Math.max(recheckMs, Math.min(DAY, age / 4)));
}
