import { randomUUID } from "node:crypto";
import { odata } from "@azure/data-tables";
import type { TableClient, TransactionAction } from "@azure/data-tables";
import type { RollId } from "../../domain/ids";
import { BATCH_SIZE, BatchHeader, JournalEntry } from "../../domain/roll/batch";
import { DeviceRow } from "../../domain/roll/device-row";
import { deviceState } from "../../domain/roll/device-state";
import { RollError } from "../../domain/roll-error";
import type { Clock } from "../../ports/clock";
import type { BatchStore, CheckOut } from "../../ports/stores";
import { TableCheckedOutBatch } from "./checked-out-batch";
import type { WriteBatch } from "./checked-out-batch";
import { formatKey, formatNumber, parseKey } from "./keys";
import { RowCodec } from "./row-codec";
import type { StoredRow, Versioned } from "./row-codec";
import { contended, corrupt } from "./storage-errors";
import { getRow, queryAll, queryPages, transact } from "./table-rows";
import type { StoreClients } from "./tables";

const HEADER = "header";
const READ_TRIES = 5;

const headers = new RowCodec<BatchHeader>("batches", BatchHeader);
const devices = new RowCodec<DeviceRow>("batches", DeviceRow);
const journal = new RowCodec<JournalEntry>("batches", JournalEntry);

interface BatchRows {
  readonly header: Versioned<BatchHeader>;
  readonly rows: readonly DeviceRow[];
}

/**
 * Batches in Azure Tables. Table `batches`, partition roll id|batch: `d|` + registration id (with the device's state in a
 * column of its own, for queries by people), `header`, `j|` + number of the journal entry.
 *
 * Storage operations: `create` 1; `read`, `checkOut` 1 (journal rows are not read); `intend`, `settle` 1, none for a
 * `settle` that has nothing to write and no lease to give back; `readJournal` 1 per 1,000 entries.
 *
 * A write whose answer is lost is repeated by the SDK and then meets its own traces. The header says who wrote it last, so
 * that such a step keeps its lease instead of waiting for its end: 1 operation more where a write is refused.
 */
export class TableBatchStore implements BatchStore {
  constructor(
    private readonly clients: StoreClients,
    private readonly clock: Clock,
    /** How long a step has the batch to itself after `intend`, should it never settle. */
    private readonly leaseMs: number,
  ) {}

  async create(rollId: RollId, batch: number, rows: readonly DeviceRow[]): Promise<boolean> {
    if (rows.length > BATCH_SIZE) {
      throw new RangeError(`a batch holds at most ${BATCH_SIZE} devices, not ${rows.length}`);
    }
    if (new Set(rows.map((row) => row.registrationId)).size < rows.length) {
      throw new RangeError("a batch holds each device once");
    }
    const table = await this.table();
    const partitionKey = partitionOf(rollId, batch);
    const mark = newMark();
    const header = headers.encode(partitionKey, HEADER, { rollId, batch, journalLength: 0 }, mark);
    const answer = await transact(table, [
      ["create", header],
      ...rows.map((row): TransactionAction => ["create", deviceEntity(partitionKey, row)]),
    ]);
    return answer.outcome === "done" || (await lastWrittenBy(table, partitionKey, mark)) !== undefined;
  }

  async find(rollId: RollId, batch: number): Promise<readonly DeviceRow[] | undefined> {
    return (await this.findPartition(partitionOf(rollId, batch)))?.rows;
  }

  async read(
    rollId: RollId,
    batch: number,
  ): Promise<{ readonly header: BatchHeader; readonly rows: readonly DeviceRow[] }> {
    const { header, rows } = await this.readPartition(partitionOf(rollId, batch));
    return { header: header.value, rows };
  }

  async checkOut(rollId: RollId, batch: number, token: string): Promise<CheckOut> {
    const table = await this.table();
    const partitionKey = partitionOf(rollId, batch);
    const { header, rows } = await this.readPartition(partitionKey);
    const lease = header.value.lease;
    if (lease !== undefined && lease.token !== token && lease.until > this.clock.now()) {
      return { outcome: "busy", until: lease.until };
    }
    const write: WriteBatch = (from, to, entry, changed) => writeBatch(table, partitionKey, from, to, entry, changed);
    const terms = { token, leaseMs: this.leaseMs, clock: this.clock };
    return { outcome: "checked-out", batch: new TableCheckedOutBatch(rows, header, terms, write) };
  }

  async readJournal(rollId: RollId, batch: number): Promise<readonly JournalEntry[]> {
    const filter = odata`PartitionKey eq ${partitionOf(rollId, batch)} and RowKey ge 'j|' and RowKey lt 'j}'`;
    const rows = await queryAll(await this.table(), filter);
    return rows.map((row) => journal.decode(row).value);
  }

  private async readPartition(partitionKey: string): Promise<BatchRows> {
    const found = await this.findPartition(partitionKey);
    if (found === undefined) throw corrupt(headers.where(partitionKey, HEADER), "does not exist");
    return found;
  }

  /** Header and device rows of one moment. `d|…` and `header` are neighbours in the order of keys, the journal comes after. */
  private async findPartition(partitionKey: string): Promise<BatchRows | undefined> {
    const table = await this.table();
    const filter = odata`PartitionKey eq ${partitionKey} and RowKey ge 'd|' and RowKey le ${HEADER}`;
    let before: string | undefined;
    for (let tries = 0; tries < READ_TRIES; tries += 1) {
      const stored: StoredRow[] = [];
      let pages = 0;
      for await (const page of queryPages(table, filter)) {
        stored.push(...page.rows);
        pages += 1;
      }
      const batch = decodeBatch(partitionKey, stored);
      if (batch === undefined) return undefined;
      // One page shows one moment. Over several pages the device rows may be older than the header that fences them: then
      // read again until the header stood still from the end of one reading to the end of the next.
      if (pages <= 1 || batch.header.etag === before) return batch;
      before = batch.header.etag;
    }
    throw contended("read a batch at rest", READ_TRIES);
  }

  private table(): Promise<TableClient> {
    return this.clients.table("batches");
  }
}

function partitionOf(rollId: RollId, batch: number): string {
  return `${rollId}|${formatNumber(batch)}`;
}

function deviceEntity(partitionKey: string, row: DeviceRow) {
  return devices.encode(partitionKey, `d|${formatKey(row.registrationId)}`, row, { state: deviceState(row) });
}

function decodeBatch(partitionKey: string, stored: readonly StoredRow[]): BatchRows | undefined {
  const header = stored.find((row) => row.rowKey === HEADER);
  if (header === undefined) return undefined;
  const rows = stored
    .filter((row) => row !== header)
    .map((row) => {
      const device = devices.decode(row).value;
      if (parseKey(row.rowKey.slice("d|".length)) === device.registrationId) return device;
      throw corrupt(devices.where(partitionKey, row.rowKey), `holds another device, ${device.registrationId}`);
    });
  return { header: headers.decode(header), rows };
}

/** One transaction: all of it is written over exactly the version of the header that was read, or nothing is. */
async function writeBatch(
  table: TableClient,
  partitionKey: string,
  from: Versioned<BatchHeader>,
  to: BatchHeader,
  entry: JournalEntry | undefined,
  changed: readonly DeviceRow[],
): Promise<Versioned<BatchHeader>> {
  const mark = newMark();
  const actions: TransactionAction[] = [
    ["update", headers.encode(partitionKey, HEADER, to, mark), "Replace", { etag: from.etag }],
    ...changed.map((row): TransactionAction => ["upsert", deviceEntity(partitionKey, row), "Replace"]),
  ];
  if (entry !== undefined) {
    const rowKey = `j|${formatNumber(from.value.journalLength)}`;
    actions.push(["create", journal.encode(partitionKey, rowKey, entry)]);
  }
  const answer = await transact(table, actions);
  const etag = answer.outcome === "done" ? answer.value[0] : await lastWrittenBy(table, partitionKey, mark);
  if (answer.outcome !== "done" && etag === undefined) {
    throw new RollError("lease-lost", `another step has written batch ${partitionKey}: read and decide again`, true);
  }
  if (etag === undefined) {
    throw new RollError("service-answer-unreadable", `storage named no version for batch ${partitionKey}`, false);
  }
  return { value: to, etag };
}

/** Tells one write of a header from all others; compared with, never decided by. */
interface Mark extends Readonly<Record<string, string>> {
  readonly writer: string;
}

function newMark(): Mark {
  return { writer: randomUUID() };
}

/** The header's version, if it is the one that was written with this mark. */
async function lastWrittenBy(table: TableClient, partitionKey: string, mark: Mark): Promise<string | undefined> {
  const row = await getRow(table, partitionKey, HEADER);
  return row?.columns["writer"] === mark.writer ? row.etag : undefined;
}
