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
  /** Rows as this process last wrote them, the longest untouched first. */
  private readonly written = new Map<string, Versioned<T>>();

  /**
   * @param remembered rows that `merge` need not read again, because this process wrote them last as a rule. Where it did
   * not, the guarded write fails and they are read. Only for values that merging never makes smaller: where an outdated row
   * already says all that is new, nothing is written.
   */
  constructor(
    private readonly open: () => Promise<TableClient>,
    private readonly codec: RowCodec<T>,
    private readonly remembered = 0,
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
   * Storage operations: those of `read` for rows that are not remembered, and one per 100 changed rows (or 3 MiB); none of these if nothing changes.
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
      const stored = await this.knownOrRead(partitionKey, open);
      const values = new Map<string, T>();
      const actions = open.flatMap((rowKey) => this.action(partitionKey, rowKey, stored.get(rowKey), decide, values));
      const lost: string[] = [];
      for (const chunk of transactions(actions)) {
        const answer = await transact(client, chunk);
        if (answer.outcome !== "done") lost.push(...chunk.map(([, entity]) => entity.rowKey));
        for (const [at, [, { rowKey }]] of chunk.entries())
          this.remember(
            partitionKey,
            rowKey,
            values.get(rowKey),
            answer.outcome === "done" ? answer.value[at] : undefined,
          );
      }
      open = lost;
    }
    if (open.length > 0) throw contended(`write to ${client.tableName}`, MERGE_TRIES);
  }

  private async knownOrRead(
    partitionKey: string,
    rowKeys: readonly string[],
  ): Promise<ReadonlyMap<string, Versioned<T>>> {
    const known = new Map(
      rowKeys.flatMap((rowKey) => {
        const row = this.written.get(`${partitionKey}|${rowKey}`);
        return row === undefined ? [] : [[rowKey, row] as const];
      }),
    );
    const unknown = rowKeys.filter((rowKey) => !known.has(rowKey));
    return unknown.length === 0 ? known : new Map([...known, ...(await this.read(partitionKey, unknown))]);
  }

  private remember(partitionKey: string, rowKey: string, value: T | undefined, etag: string | undefined): void {
    const key = `${partitionKey}|${rowKey}`;
    this.written.delete(key);
    if (this.remembered === 0 || value === undefined || etag === undefined) return;
    this.written.set(key, { value, etag });
    const [oldest] = this.written.keys();
    if (this.written.size > this.remembered && oldest !== undefined) this.written.delete(oldest);
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
    values: Map<string, T>,
  ): TransactionAction[] {
    const value = decide(rowKey, stored?.value);
    if (value === undefined) return [];
    values.set(rowKey, value);
    const entity = this.codec.encode(partitionKey, rowKey, value);
    return stored === undefined ? [["create", entity]] : [["update", entity, "Replace", { etag: stored.etag }]];
  }
}
