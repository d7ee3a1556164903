import type { RollId } from "../domain/ids";
import type { RollJournalEntry } from "../domain/roll/journal";
import type { Clock } from "../ports/clock";
import type { RollJournal } from "../ports/roll-journal";

export interface JournalDeps {
  readonly clock: Clock;
  readonly journal: RollJournal;
}

/** One external write as the roll's journal names it; see `RollJournalEntry`. */
export type JournalledWrite = Pick<RollJournalEntry, "step" | "target" | "action" | "guard" | "before" | "after">;

/**
 * Does one write with its intent noted before and its outcome after. Where the answer is lost the intent stands alone, and
 * the run that finds out what came of it notes what it then writes.
 */
export async function journalled<R extends { readonly outcome: string; readonly detail?: string }>(
  { clock, journal }: JournalDeps,
  rollId: RollId,
  write: JournalledWrite,
  run: () => Promise<R>,
): Promise<R> {
  await journal.append(rollId, [{ ...write, kind: "intent", at: clock.now() }]);
  const answer = await run();
  const { before: _before, after: _after, ...named } = write;
  const detail = answer.detail === undefined ? {} : { detail: answer.detail.slice(0, 2_000) };
  await journal.append(rollId, [{ ...named, kind: "outcome", at: clock.now(), result: answer.outcome, ...detail }]);
  return answer;
}
