import type { RollId } from "../domain/ids";
import type { RollJournalEntry } from "../domain/roll/journal";

/** Journals of whole rolls; what happens to devices stands in their batches. Throws `RollError` when storage does not answer. */
export interface RollJournal {
  /** Insert-only: an entry that is there already (see `journalKey`) stands as it was first written. */
  append(rollId: RollId, entries: readonly RollJournalEntry[]): Promise<void>;
  /** At most `limit` (1-1,000) entries, in no order of time; `next` continues where the page ended, absent on the last. */
  read(
    rollId: RollId,
    page: JournalPage,
  ): Promise<{ readonly entries: readonly RollJournalEntry[]; readonly next?: string }>;
}

export interface JournalPage {
  readonly limit: number;
  readonly after?: string | undefined;
}
