import { odata } from "@azure/data-tables";
import type { RollId } from "../../domain/ids";
import { journalKey, RollJournalEntry } from "../../domain/roll/journal";
import type { JournalPage, RollJournal } from "../../ports/roll-journal";
import { inParallel } from "./in-parallel";
import { formatKey } from "./keys";
import { RowCodec } from "./row-codec";
import { attempt } from "./storage-errors";
import { queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const INSERTS_AT_ONCE = 16;

/**
 * Rolls' own journals in Azure Tables. Table `rolls`: roll id|`journal` / step|target|action|guard|kind|result.
 *
 * Storage operations: `append` 1 per entry; `read` 1 per page.
 */
export class TableRollJournal implements RollJournal {
  private readonly codec = new RowCodec<RollJournalEntry>("rolls", RollJournalEntry);

  constructor(private readonly clients: StoreClients) {}

  async append(rollId: RollId, entries: readonly RollJournalEntry[]): Promise<void> {
    const table = await this.clients.table("rolls");
    await inParallel(entries, INSERTS_AT_ONCE, async (entry) => {
      const rowKey = journalKey(entry).map(formatKey).join("|");
      const entity = this.codec.encode(partitionOf(rollId), rowKey, entry);
      // There already: the first one stands.
      await attempt("note an entry of a roll's journal", () => table.createEntity(entity));
    });
  }

  async read(rollId: RollId, { limit, after }: JournalPage): ReturnType<RollJournal["read"]> {
    const table = await this.clients.table("rolls");
    const filter = odata`PartitionKey eq ${partitionOf(rollId)} and RowKey gt ${after ?? ""}`;
    for await (const { rows, last } of queryPages(table, filter, limit)) {
      const entries = rows.map((row) => this.codec.decode(row).value);
      const next = last ? undefined : rows.at(-1)?.rowKey;
      // The service may answer an empty page and still have more.
      if (last || next !== undefined) return { entries, ...(next === undefined ? {} : { next }) };
    }
    return { entries: [] };
  }
}

function partitionOf(rollId: RollId): string {
  return `${rollId}|journal`;
}
