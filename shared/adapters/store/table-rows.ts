import type { TableClient, TableEntity, TransactionAction } from "@azure/data-tables";
import { attempt, demand } from "./storage-errors";
import type { Attempted } from "./storage-errors";
import type { StoredRow } from "./row-codec";

/** Operations in one transaction (Microsoft docs: Performing entity group transactions). */
const TRANSACTION_LIMIT = 100;

/** Bytes of rows per transaction; the service takes 4 MiB in all, with headers and line ends. */
const TRANSACTION_BYTES = 3 * 1024 * 1024;

/** One answer to a query. */
export interface Page {
  readonly rows: readonly StoredRow[];
  /** False if the service has more to say. */
  readonly last: boolean;
}

/** Reads one row. One storage operation. */
export async function getRow(
  client: TableClient,
  partitionKey: string,
  rowKey: string,
): Promise<StoredRow | undefined> {
  const got = await attempt(`read from ${client.tableName}`, () => client.getEntity(partitionKey, rowKey));
  if (got.outcome === "absent") return undefined;
  if (got.outcome !== "done") throw new Error(`unexpected answer "${got.outcome}" to a read`);
  return { partitionKey, rowKey, etag: got.value.etag, columns: got.value };
}

/**
 * Asks with an OData filter, in the order of the keys. One storage operation per page; the service may answer fewer rows
 * than `pageSize` (1-1,000, default 1,000) and still have more.
 */
export async function* queryPages(client: TableClient, filter: string, pageSize = 1_000): AsyncGenerator<Page, void> {
  const answer = client.listEntities({ queryOptions: { filter } });
  const pages = answer.byPage({ maxPageSize: pageSize });
  for (;;) {
    const next = await demand(`query ${client.tableName}`, () => pages.next());
    if (next.done === true) return;
    const rows = next.value.map((entity) => ({
      partitionKey: entity.partitionKey ?? "",
      rowKey: entity.rowKey ?? "",
      etag: entity.etag,
      columns: entity,
    }));
    yield { rows, last: next.value.continuationToken === undefined };
  }
}

/** All rows that match. One storage operation per 1,000 rows. */
export async function queryAll(client: TableClient, filter: string): Promise<readonly StoredRow[]> {
  const rows: StoredRow[] = [];
  for await (const page of queryPages(client, filter)) rows.push(...page.rows);
  return rows;
}

/**
 * Does all of the actions (1-100, one partition, each row once) or none. One storage operation. Answers the new versions
 * in the order of the actions: the service keeps that order, but names the row only for some kinds of action.
 */
export function transact(
  client: TableClient,
  actions: readonly TransactionAction[],
): Promise<Attempted<readonly (string | undefined)[]>> {
  return attempt(`write to ${client.tableName}`, async () => {
    const answer = await client.submitTransaction([...actions]);
    return answer.subResponses.map((part) => part.etag);
  });
}

/** Cuts a list of actions into transactions that the service takes: by number and by size. */
export function transactions(actions: readonly TransactionAction[]): TransactionAction[][] {
  const all: TransactionAction[][] = [];
  let current: TransactionAction[] = [];
  let bytes = 0;
  for (const action of actions) {
    const size = bytesOf(action[1]);
    if (current.length === TRANSACTION_LIMIT || (current.length > 0 && bytes + size > TRANSACTION_BYTES)) {
      all.push(current);
      current = [];
      bytes = 0;
    }
    current.push(action);
    bytes += size;
  }
  if (current.length > 0) all.push(current);
  return all;
}

function bytesOf(entity: TableEntity): number {
  return Buffer.byteLength(JSON.stringify(entity));
}
