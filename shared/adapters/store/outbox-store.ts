import { odata, type TableClient } from "@azure/data-tables";
import { formatInstant, type Instant } from "../../domain/instant";
import { Posting, type Notice } from "../../domain/notice";
import type { Outbox } from "../../ports/notices";
import { formatKey } from "./keys";
import { RowCodec } from "./row-codec";
import { attempt, demand } from "./storage-errors";
import { queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITION = "outbox";
/** After every moment that is asked for. */
const NEVER = "never";

/**
 * The outbox in Azure Tables. Table `outbox`: one partition, a row per notice; the column `dueAt` (ISO 8601, `never` once it is
 * settled) is what the timer asks by.
 *
 * Storage operations: `put`, `postpone`, `settle` 1; `due` 1 per 1,000 rows looked through.
 */
export class TableOutbox implements Outbox {
  private readonly codec = new RowCodec<Posting>("outbox", Posting);

  constructor(private readonly clients: StoreClients) {}

  async put(notice: Notice): Promise<void> {
    const table = await this.table();
    const entity = this.encode({ notice, tries: 0, dueAt: notice.at }, formatInstant(notice.at));
    // There already: found, perhaps sent, before.
    await attempt("put a notice into the outbox", () => table.createEntity(entity));
  }

  async due(at: Instant, limit: number): Promise<readonly Posting[]> {
    const filter = odata`PartitionKey eq ${PARTITION} and dueAt le ${formatInstant(at)}`;
    const found: Posting[] = [];
    for await (const { rows } of queryPages(await this.table(), filter, limit)) {
      found.push(...rows.map((row) => this.codec.decode(row).value));
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  postpone(posting: Posting, dueAt: Instant): Promise<void> {
    return this.replace({ ...posting, tries: posting.tries + 1, dueAt }, formatInstant(dueAt));
  }

  settle(posting: Posting): Promise<void> {
    return this.replace({ ...posting, tries: posting.tries + 1 }, NEVER);
  }

  private async replace(posting: Posting, dueAt: string): Promise<void> {
    const table = await this.table();
    await demand("note how a notice fared", () => table.upsertEntity(this.encode(posting, dueAt), "Replace"));
  }

  private encode(posting: Posting, dueAt: string) {
    return this.codec.encode(PARTITION, formatKey(posting.notice.id), posting, { dueAt });
  }

  private table(): Promise<TableClient> {
    return this.clients.table("outbox");
  }
}
