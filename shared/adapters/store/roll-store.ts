import { isDeepStrictEqual } from "node:util";
import type { TableClient } from "@azure/data-tables";
import { odata } from "@azure/data-tables";
import { z } from "zod";
import type { RollId } from "../../domain/ids";
import { RollId as RollIdSchema } from "../../domain/ids";
import { Instant } from "../../domain/instant";
import { BatchSummary } from "../../domain/roll/batch-summary";
import { Roll } from "../../domain/roll/roll";
import type { RollStore } from "../../ports/stores";
import { formatNumber, newestFirstKey } from "./keys";
import { RowCodec } from "./row-codec";
import type { Versioned } from "./row-codec";
import { attempt, contended, corrupt, demand } from "./storage-errors";
import { getRow, queryAll, queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const OPEN_PARTITION = "open";
const ROLL_PARTITION = "rolls";

/** How often a change that lost a race is made again; each lost race means that another write succeeded. */
const UPDATE_TRIES = 20;

const OpenRoll = z.object({ rollId: RollIdSchema, since: Instant });
type OpenRoll = z.infer<typeof OpenRoll>;

/**
 * Rolls in Azure Tables. Table `rolls`: headers under `rolls` / inverted time|roll id (newest first), open rolls under
 * `open` / roll id (oldest first), summaries of batches under the roll id / `c|` + batch.
 *
 * Storage operations: `open`, `close`, `create`, `get`, `putSummary` 1 each; `update` 2, and 2 more per lost race, 1 if
 * nothing changes; `list` 1; `listOpen` and `readSummaries` 1 per 1,000 rows.
 */
export class TableRollStore implements RollStore {
  private readonly rolls = new RowCodec<Roll>("rolls", Roll);
  private readonly openRolls = new RowCodec<OpenRoll>("rolls", OpenRoll);
  private readonly summaries = new RowCodec<BatchSummary>("rolls", BatchSummary);

  constructor(private readonly clients: StoreClients) {}

  async open(rollId: RollId, at: Instant): Promise<void> {
    const table = await this.table();
    const entity = this.openRolls.encode(OPEN_PARTITION, rollId, { rollId, since: at });
    // Open already: the first moment stands.
    await attempt("note an open roll", () => table.createEntity(entity));
  }

  async listOpen(): Promise<readonly OpenRoll[]> {
    const rows = await queryAll(await this.table(), odata`PartitionKey eq ${OPEN_PARTITION}`);
    return rows.map((row) => this.openRolls.decode(row).value);
  }

  async close(rollId: RollId): Promise<void> {
    const table = await this.table();
    await attempt("close a roll", () => table.deleteEntity(OPEN_PARTITION, rollId));
  }

  async create(roll: Roll): Promise<boolean> {
    const table = await this.table();
    const entity = this.rolls.encode(ROLL_PARTITION, newestFirstKey(roll.rollId), roll);
    const created = await attempt("create a roll", () => table.createEntity(entity));
    return created.outcome === "done";
  }

  async get(rollId: RollId): Promise<Roll | undefined> {
    return (await this.find(rollId))?.value;
  }

  async update(rollId: RollId, change: (roll: Roll) => Roll): Promise<Roll> {
    const table = await this.table();
    const rowKey = newestFirstKey(rollId);
    for (let tries = 0; tries < UPDATE_TRIES; tries += 1) {
      const found = await this.find(rollId);
      if (found === undefined) throw corrupt(this.rolls.where(ROLL_PARTITION, rowKey), "does not exist");
      const changed = change(found.value);
      if (isDeepStrictEqual(changed, found.value)) return changed;
      const entity = this.rolls.encode(ROLL_PARTITION, rowKey, changed);
      const written = await attempt("update a roll", () => table.updateEntity(entity, "Replace", { etag: found.etag }));
      if (written.outcome === "done") return changed;
    }
    throw contended("update a roll", UPDATE_TRIES);
  }

  async list(page: { readonly limit: number; readonly after?: RollId }): Promise<readonly Roll[]> {
    const from = page.after === undefined ? "" : newestFirstKey(page.after);
    const filter = odata`PartitionKey eq ${ROLL_PARTITION} and RowKey gt ${from}`;
    const rolls: Roll[] = [];
    for await (const { rows } of queryPages(await this.table(), filter, page.limit)) {
      rolls.push(...rows.map((row) => this.rolls.decode(row).value));
      if (rolls.length >= page.limit) break;
    }
    return rolls.slice(0, page.limit);
  }

  async putSummary(rollId: RollId, summary: BatchSummary): Promise<void> {
    const table = await this.table();
    const entity = this.summaries.encode(rollId, summaryKey(summary.batch), summary);
    await demand("write a batch's summary", () => table.upsertEntity(entity, "Replace"));
  }

  async readSummaries(
    rollId: RollId,
    range?: { readonly from: number; readonly to: number },
  ): Promise<readonly BatchSummary[]> {
    const filter =
      range === undefined
        ? odata`PartitionKey eq ${rollId}`
        : odata`PartitionKey eq ${rollId} and RowKey ge ${summaryKey(range.from)} and RowKey lt ${summaryKey(range.to)}`;
    const rows = await queryAll(await this.table(), filter);
    return rows.map((row) => this.summaries.decode(row).value);
  }

  private async find(rollId: RollId): Promise<Versioned<Roll> | undefined> {
    const row = await getRow(await this.table(), ROLL_PARTITION, newestFirstKey(rollId));
    return row === undefined ? undefined : this.rolls.decode(row);
  }

  private table(): Promise<TableClient> {
    return this.clients.table("rolls");
  }
}

function summaryKey(batch: number): string {
  return `c|${formatNumber(batch)}`;
}
