import { odata, type TableClient } from "@azure/data-tables";
import { DueRow } from "../../domain/due";
import { formatInstant, type Instant } from "../../domain/instant";
import type { DueRows } from "../../ports/due-rows";
import { formatKey } from "./keys";
import { RowCodec } from "./row-codec";
import { attempt, demand } from "./storage-errors";
import { getRow, queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITION = "due";

/**
 * Due rows in Azure Tables. Table `due`: one partition, a row per key; the column `dueAt` (ISO 8601) is what the timer asks by.
 *
 * Storage operations: `note`, `find`, `settle` 1; `due` and `list` 1 per 1,000 rows looked through.
 */
export class TableDueRows implements DueRows {
  private readonly codec = new RowCodec<DueRow>("due", DueRow);

  constructor(private readonly clients: StoreClients) {}

  async note(row: DueRow): Promise<void> {
    const table = await this.table();
    const entity = this.codec.encode(PARTITION, formatKey(row.key), row, { dueAt: formatInstant(row.dueAt) });
    await demand("note a due row", () => table.upsertEntity(entity, "Replace"));
  }

  async find(key: string): Promise<DueRow | undefined> {
    const row = await getRow(await this.table(), PARTITION, formatKey(key));
    return row === undefined ? undefined : this.codec.decode(row).value;
  }

  due(at: Instant, limit: number): Promise<readonly DueRow[]> {
    return this.query(odata`PartitionKey eq ${PARTITION} and dueAt le ${formatInstant(at)}`, limit);
  }

  list({ limit, after }: { readonly limit: number; readonly after?: string }): Promise<readonly DueRow[]> {
    return this.query(
      odata`PartitionKey eq ${PARTITION} and RowKey gt ${after === undefined ? "" : formatKey(after)}`,
      limit,
    );
  }

  async settle(key: string): Promise<void> {
    const table = await this.table();
    await attempt("settle a due row", () => table.deleteEntity(PARTITION, formatKey(key)));
  }

  private async query(filter: string, limit: number): Promise<readonly DueRow[]> {
    const found: DueRow[] = [];
    for await (const { rows } of queryPages(await this.table(), filter, Math.min(limit, 1_000))) {
      for (const row of rows) {
        found.push(this.codec.decode(row).value);
        if (found.length === limit) return found;
      }
    }
    return found;
  }

  private table(): Promise<TableClient> {
    return this.clients.table("due");
  }
}
