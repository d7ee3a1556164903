import { z } from "zod";
import { Instant } from "../instant";

const Text = z.string().max(2_000);

/**
 * One line of a roll's own journal: a write to a group, a CA certificate or an entry that belongs to no batch. `intent` is
 * noted before the write and says what it will do and what it takes for given; `outcome` what came of it. Never a
 * certificate or a key: thumbprints and names.
 */
export const RollJournalEntry = z.object({
  step: z.string().min(1).max(60),
  kind: z.enum(["intent", "outcome"]),
  at: Instant,
  /** Kind and id of what is written, such as `group fleet-eu`, `ca fleet-root-2028` or `enrollment pump-1`. */
  target: z.string().min(1).max(200),
  action: z.string().min(1).max(60),
  /** The ETag that guards the write; absent for one that only creates. */
  guard: z.string().max(100).optional(),
  before: Text.optional(),
  after: Text.optional(),
  /** Outcomes only: the service's answer, in the word of the port. */
  result: z.string().max(60).optional(),
  detail: Text.optional(),
});
export type RollJournalEntry = z.infer<typeof RollJournalEntry>;

/**
 * What makes an entry the same as another: everything but its time. A step that runs again, or twice at once, notes the same
 * write once, and each different answer to it once.
 */
export function journalKey({ step, target, action, guard, kind, result }: RollJournalEntry): readonly string[] {
  return [step, target, action, guard ?? "", kind, result ?? ""];
}

/** Oldest first; an intent before its outcome where both have the same time. */
export function inOrderOfTime(entries: readonly RollJournalEntry[]): RollJournalEntry[] {
  return [...entries].sort((a, b) => a.at - b.at || (a.kind === b.kind ? 0 : a.kind === "intent" ? -1 : 1));
}
