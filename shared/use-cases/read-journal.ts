import { JournalQuery } from "../contract/operator-queries";
import type { RollJournalView } from "../contract/operator-api";
import type { Link } from "../domain/evidence/lines";
import { commandLink, stepLink, writeLink } from "../domain/evidence/write";
import type { RollId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import { isProblem, type Problem } from "../domain/outcome";
import type { Roll } from "../domain/roll/roll";
import type { ControlStore } from "../ports/control";
import type { RollJournal } from "../ports/roll-journal";
import type { BatchStore, RollStore } from "../ports/stores";
import { mapSideBySide } from "../steps/side-by-side";
import { readQuery, type Query } from "./query";
import { findWholeRoll } from "./find-roll";

export interface ReadJournalDeps {
  readonly rolls: RollStore;
  readonly batches: BatchStore;
  readonly control: ControlStore;
  readonly journal: RollJournal;
}

const DEFAULT_PAGE = 100;
/** Rolls of up to so many batches are shown with all of them; for larger ones a batch has to be named. */
const BATCHES_AT_ONCE = 20;

/** An entry with its place: time, source (0 commands, 1 the roll's own, then each batch), number within the source. */
interface Placed {
  readonly place: readonly [at: Instant, source: number, n: number];
  readonly entry: Link;
}

/**
 * What was said, written and done, oldest first: commands, the roll's own writes, and the steps of its batches. Problems:
 * `unknown-roll`, `roll-purged`, `invalid-query`.
 */
export function createReadJournal(
  deps: ReadJournalDeps,
): (rollId: string, query: Query) => Promise<RollJournalView | Problem> {
  return async (id, asked) => {
    const roll = await findWholeRoll(deps.rolls, id);
    if (isProblem(roll)) return roll;
    const query = readQuery(JournalQuery, asked);
    if (isProblem(query)) return query;
    const { limit, after, batch } = query.value;
    const size = limit === undefined ? DEFAULT_PAGE : Number(limit);
    const from = after?.split(".").map(Number);
    const all = (await gather(deps, roll, batch === undefined ? undefined : Number(batch)))
      .filter(({ place }) => from === undefined || compare(place, from) > 0)
      .sort((a, b) => compare(a.place, b.place));
    const page = all.slice(0, size);
    const last = page.at(-1);
    return {
      rollId: roll.rollId,
      batches: roll.batches,
      entries: page.map(({ entry }) => entry),
      ...(all.length > size && last !== undefined ? { next: last.place.join(".") } : {}),
    };
  };
}

async function gather(deps: ReadJournalDeps, { rollId, batches }: Roll, batch: number | undefined): Promise<Placed[]> {
  const all = batches <= BATCHES_AT_ONCE ? Array.from({ length: batches }, (_, n) => n) : [];
  const [commands, writes, steps] = await Promise.all([
    deps.control.readJournal(rollId),
    readWrites(deps, rollId),
    mapSideBySide(batch === undefined ? all : [batch], async (number) => ({
      number,
      entries: await deps.batches.readJournal(rollId, number),
    })),
  ]);
  return [
    ...commands.map((entry, n) => ({ place: [entry.command.at, 0, n] as const, entry: commandLink(entry) })),
    ...writes.map((entry, n) => ({ place: [entry.at, 1, n] as const, entry: writeLink(entry) })),
    ...steps.flatMap(({ number, entries }) =>
      entries.map((entry, n) => ({ place: [entry.at, 2 + number, n] as const, entry: stepLink(number, entry) })),
    ),
  ];
}

async function readWrites({ journal }: ReadJournalDeps, rollId: RollId) {
  const first = await journal.read(rollId, { limit: 1_000 });
  const entries = [...first.entries];
  for (let { next } = first; next !== undefined;) {
    const page = await journal.read(rollId, { limit: 1_000, after: next });
    entries.push(...page.entries);
    next = page.next;
  }
  return entries;
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, n) => value !== b[n]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
