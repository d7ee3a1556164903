import type { TableClient, TransactionAction } from "@azure/data-tables";
import { odata } from "@azure/data-tables";
import { inParallel } from "./in-parallel";
import type { RowCodec, Versioned } from "./row-codec";
import { contended } from "./storage-errors";
import { getRow, queryPages, transact, transactions } from "./table-rows";

/** How often a write that lost a race is decided again. */
export const MERGE_TRIES = 5;

const POINT_READS_AT_ONCE = 8;

/** Rows of one table that several processes write without knowing of each other, each row guarded by its version. */
export class GuardedRows<T> {
  constructor(
    private readonly open: () => Promise<TableClient>,
    private readonly codec: RowCodec<T>,
  ) {}

  /**
   * Reads rows of one partition by key; absent ones are left out.
   * Storage operations: one range query from the lowest to the highest key. Where the partition holds so many other rows
   * between them that the first page (four times the wanted rows) does not reach the end, one more per key not reached:
   * a fleet of a million devices must not be read to find ten.
   */
  async read(partitionKey: string, rowKeys: readonly string[]): Promise<ReadonlyMap<string, Versioned<T>>> {
    const client = await this.open();
    const wanted = [...new Set(rowKeys)].sort();
    const found = new Map<string, Versioned<T>>();
    const unreached = wanted.length > 1 ? await this.readRange(client, partitionKey, wanted, found) : wanted;
    await inParallel(unreached, POINT_READS_AT_ONCE, async (rowKey) => {
      const row = await getRow(client, partitionKey, rowKey);
      if (row !== undefined) found.set(rowKey, this.codec.decode(row));
    });
    return found;
  }

  /**
   * Brings rows of one partition up to date: `decide` gets what is stored and answers the new value, or undefined to leave
   * the row alone. It runs again, on what is stored by then, where another write came first.
   * Storage operations: those of `read`, and one per 100 changed rows (or 3 MiB); none of these if nothing changes.
   * @throws RollError `service-unavailable` (retryable) after {@link MERGE_TRIES} lost races.
   */
  async merge(
    partitionKey: string,
    rowKeys: readonly string[],
    decide: (rowKey: string, stored: T | undefined) => T | undefined,
  ): Promise<void> {
    const client = await this.open();
    let open: readonly string[] = [...new Set(rowKeys)];
    for (let tries = 0; tries < MERGE_TRIES && open.length > 0; tries += 1) {
      const stored = await this.read(partitionKey, open);
      const actions = open.flatMap((rowKey) => this.action(partitionKey, rowKey, stored.get(rowKey), decide));
      const lost: string[] = [];
      for (const chunk of transactions(actions)) {
        const answer = await transact(client, chunk);
        if (answer.outcome !== "done") lost.push(...chunk.map(([, entity]) => entity.rowKey));
      }
      open = lost;
    }
    if (open.length > 0) throw contended(`write to ${client.tableName}`, MERGE_TRIES);
  }

  private async readRange(
    client: TableClient,
    partitionKey: string,
    wanted: readonly string[],
    found: Map<string, Versioned<T>>,
  ): Promise<readonly string[]> {
    const [low, high] = [wanted[0] ?? "", wanted.at(-1) ?? ""];
    const filter = odata`PartitionKey eq ${partitionKey} and RowKey ge ${low} and RowKey le ${high}`;
    const pageSize = Math.min(1_000, wanted.length * 4 + 20);
    const isWanted = new Set(wanted);
    for await (const page of queryPages(client, filter, pageSize)) {
      for (const row of page.rows) if (isWanted.has(row.rowKey)) found.set(row.rowKey, this.codec.decode(row));
      const reached = page.rows.at(-1)?.rowKey ?? "";
      return page.last ? [] : wanted.filter((rowKey) => rowKey > reached);
    }
    return [];
  }

  private action(
    partitionKey: string,
    rowKey: string,
    stored: Versioned<T> | undefined,
    decide: (rowKey: string, stored: T | undefined) => T | undefined,
  ): TransactionAction[] {
    const value = decide(rowKey, stored?.value);
    if (value === undefined) return [];
    const entity = this.codec.encode(partitionKey, rowKey, value);
    return stored === undefined ? [["create", entity]] : [["update", entity, "Replace", { etag: stored.etag }]];
  }
}
