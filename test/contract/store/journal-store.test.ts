import { TableRollJournal } from "../../../shared/adapters/store/journal-store";
import { addMs } from "../../../shared/domain/instant";
import { inOrderOfTime, type RollJournalEntry } from "../../../shared/domain/roll/journal";
import type { RollId } from "../../../shared/domain/ids";
import type { RollJournal } from "../../../shared/ports/roll-journal";
import { azuriteForThisFile } from "../../support/azurite";
import { MemoryRollJournal } from "../../support/memory-journal";
import { aRollId, start } from "./samples";

const storage = azuriteForThisFile();

const anEntry = (changes: Partial<RollJournalEntry> = {}): RollJournalEntry => ({
  step: "stage-authority",
  kind: "intent",
  at: start,
  target: "group fleet#eu/1",
  action: "fill-secondary",
  guard: '"1a055216-0000-0800-0000-60a637160000"',
  before: "primary=root-2024",
  after: "primary=root-2024 secondary=root-2026",
  ...changes,
});

async function all(journal: RollJournal, rollId: RollId, limit = 1_000): Promise<RollJournalEntry[]> {
  const entries: RollJournalEntry[] = [];
  let after: string | undefined;
  do {
    const page = await journal.read(rollId, { limit, after });
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    entries.push(...page.entries);
    after = page.next;
  } while (after !== undefined);
  return inOrderOfTime(entries);
}

describe.each([
  ["in memory", (): RollJournal => new MemoryRollJournal()],
  ["on Azure Tables", (): RollJournal => new TableRollJournal(storage.open())],
])("a roll's journal %s", (_where, make) => {
  test("keeps everything an entry says, and intents come before outcomes of the same moment", async () => {
    const [journal, rollId] = [make(), aRollId()];
    const intent = anEntry();
    const { before: _before, after: _after, ...named } = intent;
    const outcome = { ...named, kind: "outcome", result: "refused", detail: "the name is not there — 鍵" } as const;
    await journal.append(rollId, [outcome, intent]);
    expect(await all(journal, rollId)).toEqual([intent, outcome]);
  });

  test("the same write noted again, or twice at once, stands as it was noted first", async () => {
    const [journal, rollId] = [make(), aRollId()];
    await journal.append(rollId, [anEntry()]);
    await Promise.all([1, 2].map((n) => journal.append(rollId, [anEntry({ at: addMs(start, n), after: "other" })])));
    expect(await all(journal, rollId)).toEqual([anEntry()]);
  });

  test("another guard, another answer and another roll are entries of their own", async () => {
    const [journal, rollId, other] = [make(), aRollId(), aRollId()];
    const answered = (result: string): RollJournalEntry => anEntry({ kind: "outcome", result });
    const entries = [anEntry(), anEntry({ guard: '"2"' }), answered("precondition-failed"), answered("written")];
    await journal.append(rollId, entries);
    await journal.append(other, [anEntry()]);
    expect(await all(journal, rollId)).toHaveLength(4);
    expect(await all(journal, other)).toHaveLength(1);
    expect(await all(journal, aRollId())).toEqual([]);
  });

  test("is read page by page, each entry once", async () => {
    const [journal, rollId] = [make(), aRollId()];
    const entries = Array.from({ length: 7 }, (_, n) => anEntry({ at: addMs(start, n), target: `ca root-${n}` }));
    await journal.append(rollId, entries);
    expect(await all(journal, rollId, 3)).toEqual(entries);
  });
});
