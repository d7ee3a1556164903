import { odata, type TableClient, type TransactionAction } from "@azure/data-tables";
import type { RollId } from "../../domain/ids";
import type { RollArchive } from "../../ports/roll-archive";
import { inParallel } from "./in-parallel";
import { newestFirstKey } from "./keys";
import { attempt, demand } from "./storage-errors";
import { queryPages, transact, transactions } from "./table-rows";
import type { StoreClients, StoreTable } from "./tables";

/** Pages of 1,000 rows, or of blobs, that one call deletes of each kind. */
const PAGES = 5;
const BLOBS_AT_ONCE = 16;

/**
 * Deletes what a roll has left. Table `batches`, `rolls` and `control`: all partitions that begin with its id, and its
 * header; blobs below `rolls/<roll id>/` and `chains/<roll id>/`.
 *
 * Storage operations: 1 per 1,000 rows or blobs to find them, 1 per 100 rows and 1 per blob to delete them.
 */
export class StoredRollArchive implements RollArchive {
  constructor(private readonly clients: StoreClients) {}

  async deleteDetails(rollId: RollId): Promise<boolean> {
    const tables = ["batches", "rolls", "control"] as const;
    const gone = [];
    for (const table of tables) gone.push(await this.deleteRows(table, rollId));
    const report = `rolls/${rollId}/evidence/`;
    gone.push(await this.deleteBlobs(`rolls/${rollId}/`, (name) => !name.startsWith(report)));
    gone.push(await this.deleteBlobs(`chains/${rollId}/`, () => true));
    return gone.every(Boolean);
  }

  async deleteReport(rollId: RollId): Promise<boolean> {
    if (!(await this.deleteBlobs(`rolls/${rollId}/`, () => true))) return false;
    const table = await this.clients.table("rolls");
    await attempt("delete a roll", () => table.deleteEntity("rolls", newestFirstKey(rollId)));
    return true;
  }

  /** Rows of the partitions that are called by the roll's id, or begin with it and a bar. */
  private async deleteRows(name: StoreTable, rollId: RollId): Promise<boolean> {
    const table = await this.clients.table(name);
    // `|` comes before `}`, and no id is the beginning of another.
    const filter = odata`PartitionKey ge ${rollId} and PartitionKey lt ${`${rollId}}`}`;
    let pages = 0;
    for await (const { rows, last } of queryPages(table, filter)) {
      await deleteEach(table, rows);
      pages += 1;
      if (last) return true;
      if (pages === PAGES) return false;
    }
    return true;
  }

  private async deleteBlobs(prefix: string, goes: (name: string) => boolean): Promise<boolean> {
    const container = await this.clients.container();
    const pages = container.listBlobsFlat({ prefix }).byPage({ maxPageSize: 1_000 });
    for (let n = 0; ; n += 1) {
      const page = await demand(`list the blobs ${prefix}`, () => pages.next());
      if (page.done === true) return true;
      const names = page.value.segment.blobItems.map(({ name }) => name).filter(goes);
      await inParallel(names, BLOBS_AT_ONCE, (name) =>
        attempt(`delete the blob ${name}`, () => container.deleteBlob(name)),
      );
      if (n + 1 === PAGES) return (page.value.continuationToken ?? "") === "";
    }
  }
}

async function deleteEach(
  table: TableClient,
  rows: readonly { readonly partitionKey: string; readonly rowKey: string }[],
): Promise<void> {
  const byPartition = new Map<string, TransactionAction[]>();
  for (const { partitionKey, rowKey } of rows)
    byPartition.set(partitionKey, [...(byPartition.get(partitionKey) ?? []), ["delete", { partitionKey, rowKey }]]);
  for (const actions of byPartition.values())
    for (const some of transactions(actions)) {
      const done = await transact(table, some);
      // Somebody else deletes them as well: one by one, whatever is left.
      if (done.outcome !== "done")
        for (const [, { partitionKey, rowKey }] of some)
          await attempt(`delete from ${table.tableName}`, () => table.deleteEntity(partitionKey, rowKey));
    }
}
