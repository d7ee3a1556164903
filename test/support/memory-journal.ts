import type { RollId } from "../../shared/domain/ids";
import { journalKey, RollJournalEntry } from "../../shared/domain/roll/journal";
import type { RollJournal } from "../../shared/ports/roll-journal";

/** Rolls' own journals without a storage account. Passes the same contract suite as the real one. */
export class MemoryRollJournal implements RollJournal {
  private readonly rolls = new Map<RollId, Map<string, RollJournalEntry>>();

  async append(rollId: RollId, entries: readonly RollJournalEntry[]): Promise<void> {
    await Promise.resolve();
    const journal = this.rolls.get(rollId) ?? new Map<string, RollJournalEntry>();
    this.rolls.set(rollId, journal);
    for (const entry of entries) {
      const key = JSON.stringify(journalKey(entry));
      if (!journal.has(key)) journal.set(key, RollJournalEntry.parse(JSON.parse(JSON.stringify(entry))));
    }
  }

  async read(rollId: RollId, page: Parameters<RollJournal["read"]>[1]): ReturnType<RollJournal["read"]> {
    await Promise.resolve();
    const { limit, after = "" } = page;
    const left = [...(this.rolls.get(rollId) ?? [])]
      .filter(([key]) => key > after)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const next = left.length > limit ? left[limit - 1]?.[0] : undefined;
    const entries = left.slice(0, limit).map(([, entry]) => ({ ...entry }));
    return { entries, ...(next === undefined ? {} : { next }) };
  }
}
