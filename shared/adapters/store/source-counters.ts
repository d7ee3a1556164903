import { odata } from "@azure/data-tables";
import type { Instant } from "../../domain/instant";
import { addEvents, NO_EVENTS, SourceCounts, type EventCounts } from "../../domain/source-counts";
import type { SourceCounters } from "../../ports/source-counters";
import { formatKey } from "./keys";
import { RowCodec, type Versioned } from "./row-codec";
import { attempt, contended } from "./storage-errors";
import { getRow, queryAll } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITION = "sources";
const TRIES = 10;

/**
 * Sums per source in Azure Tables. Table `facts`, partition `sources`, a row per source.
 *
 * Storage operations: `add` 1 while the process is the only one that reads the source, as a rule; 2 more per lost race. An
 * `add` whose answer was lost has counted, and counts again when the batch comes again, as the events themselves do.
 */
export class TableSourceCounters implements SourceCounters {
  private readonly codec = new RowCodec<SourceCounts>("facts", SourceCounts);
  /** As this process last wrote them. */
  private readonly known = new Map<string, Versioned<SourceCounts>>();

  constructor(private readonly clients: StoreClients) {}

  async add(source: string, counts: EventCounts, at: Instant): Promise<void> {
    const table = await this.clients.table("facts");
    const key = formatKey(source);
    for (let tries = 0; tries < TRIES; tries += 1) {
      const stored = this.known.get(source) ?? (await this.read(key));
      this.known.delete(source);
      const sum = addEvents(stored?.value ?? NO_EVENTS, counts);
      const value = { source, since: stored?.value.since ?? at, until: at, ...sum };
      const entity = this.codec.encode(PARTITION, key, value);
      const written = await attempt("count events", () =>
        stored === undefined
          ? table.createEntity(entity)
          : table.updateEntity(entity, "Replace", { etag: stored.etag }),
      );
      if (written.outcome !== "done") continue;
      const { etag } = written.value;
      if (etag !== undefined) this.known.set(source, { value, etag });
      return;
    }
    throw contended("count events", TRIES);
  }

  async list(): Promise<readonly SourceCounts[]> {
    const rows = await queryAll(await this.clients.table("facts"), odata`PartitionKey eq ${PARTITION}`);
    return rows.map((row) => this.codec.decode(row).value);
  }

  private async read(key: string): Promise<Versioned<SourceCounts> | undefined> {
    const row = await getRow(await this.clients.table("facts"), PARTITION, key);
    return row === undefined ? undefined : this.codec.decode(row);
  }
}
