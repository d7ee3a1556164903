import { odata } from "@azure/data-tables";
import { DenyEntry, denyId, noted } from "../../domain/deny-entry";
import type { DenyLedger } from "../../ports/deny-ledger";
import { RowCodec } from "./row-codec";
import { attempt, contended } from "./storage-errors";
import { getRow, queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITION = "deny";
const TRIES = 10;

/**
 * The deny ledger in Azure Tables. Table `deny`, one partition, row key `denyId`.
 *
 * Storage operations: `find` 1; `note` and `change` 2, and 2 more per lost race, 1 if nothing changes; `list` 1 per page.
 */
export class TableDenyLedger implements DenyLedger {
  private readonly codec = new RowCodec<DenyEntry>("deny", DenyEntry);

  constructor(private readonly clients: StoreClients) {}

  async note(entry: DenyEntry): Promise<void> {
    await this.write(denyId(entry), (current) => ({ next: noted(current, entry), answer: undefined }));
  }

  async find(id: string): Promise<DenyEntry | undefined> {
    const row = await getRow(await this.clients.table("deny"), PARTITION, id);
    return row === undefined ? undefined : this.codec.decode(row).value;
  }

  change: DenyLedger["change"] = (id, decide) =>
    this.write(id, (current) => (current === undefined ? { answer: undefined } : decide(current)));

  async list({ limit, after }: Parameters<DenyLedger["list"]>[0]): Promise<readonly DenyEntry[]> {
    const filter = odata`PartitionKey eq ${PARTITION} and RowKey gt ${after ?? ""}`;
    for await (const { rows, last } of queryPages(await this.clients.table("deny"), filter, limit)) {
      // The service may answer an empty page and still have more.
      if (last || rows.length > 0) return rows.map((row) => this.codec.decode(row).value);
    }
    return [];
  }

  private async write<T>(
    id: string,
    decide: (current: DenyEntry | undefined) => { readonly next?: DenyEntry; readonly answer: T },
  ): Promise<T> {
    const table = await this.clients.table("deny");
    for (let tries = 0; tries < TRIES; tries += 1) {
      const row = await getRow(table, PARTITION, id);
      const { next, answer } = decide(row === undefined ? undefined : this.codec.decode(row).value);
      if (next === undefined) return answer;
      const entity = this.codec.encode(PARTITION, id, next);
      const written = await attempt("write a deny entry", () =>
        row === undefined ? table.createEntity(entity) : table.updateEntity(entity, "Replace", { etag: row.etag }),
      );
      if (written.outcome === "done") return answer;
    }
    throw contended("write a deny entry", TRIES);
  }
}
