import { odata } from "@azure/data-tables";
import { z } from "zod";
import { Finding, InventoryId, InventorySummary } from "../../domain/inventory/inventory";
import { DeviceRecord, GatheredLine, TrustRecord } from "../../domain/inventory/records";
import { Instant } from "../../domain/instant";
import type { InventoryEntry, InventoryStore, Lines } from "../../ports/inventory";
import { newestFirstKey } from "./keys";
import { blobNames, LineBlobs } from "./line-blobs";
import { RowCodec } from "./row-codec";
import { attempt, corrupt, demand } from "./storage-errors";
import { getRow, queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const Entry = z.discriminatedUnion("state", [
  z.object({ state: z.literal("begun"), inventoryId: InventoryId, startedAt: Instant }),
  z.object({ state: z.literal("finished"), summary: InventorySummary }),
]);

const PARTITION = "inventory";

/**
 * Inventories in Azure Tables and Blobs. Table `inventories`: one row each, newest first. Blobs `inventory/<id>/`:
 * `trust.ndjson`, `gathered/<page>.ndjson`, `devices/<shard>.ndjson`, `findings/<part>.ndjson`.
 *
 * Storage operations: 1 per row; per blob 1 and 1 per 4 MiB; 1 per list of names; `forget` 1 per blob.
 */
export class BlobInventoryStore implements InventoryStore {
  private readonly codec = new RowCodec<InventoryEntry>("inventories", Entry);
  private readonly trust: LineBlobs<TrustRecord>;
  private readonly gathered: LineBlobs<GatheredLine>;
  private readonly devices: LineBlobs<DeviceRecord>;
  private readonly findings: LineBlobs<Finding>;

  constructor(private readonly clients: StoreClients) {
    const open = (): ReturnType<StoreClients["container"]> => clients.container();
    this.trust = new LineBlobs(open, TrustRecord);
    this.gathered = new LineBlobs(open, GatheredLine);
    this.devices = new LineBlobs(open, DeviceRecord);
    this.findings = new LineBlobs(open, Finding);
  }

  async begin(inventoryId: InventoryId, startedAt: Instant): Promise<void> {
    const table = await this.clients.table("inventories");
    const entry: InventoryEntry = { state: "begun", inventoryId, startedAt };
    const row = this.codec.encode(PARTITION, newestFirstKey(inventoryId), entry, { state: entry.state });
    await attempt("write an inventory's row", () => table.createEntity(row));
  }

  putTrust(inventoryId: InventoryId, trust: TrustRecord): Promise<void> {
    return this.trust.write(`${folder(inventoryId)}trust.ndjson`, [trust]);
  }

  async getTrust(inventoryId: InventoryId): Promise<TrustRecord> {
    const name = `${folder(inventoryId)}trust.ndjson`;
    for await (const trust of this.trust.read(name)) return trust;
    throw corrupt(`blob ${name}`, "is empty");
  }

  putGathered(inventoryId: InventoryId, page: string, lines: Lines<GatheredLine>): Promise<void> {
    return this.gathered.write(`${folder(inventoryId)}gathered/${page}.ndjson`, lines);
  }

  async *readGathered(inventoryId: InventoryId): AsyncGenerator<GatheredLine, void> {
    const container = await this.clients.container();
    for (const name of await blobNames(container, `${folder(inventoryId)}gathered/`)) yield* this.gathered.read(name);
  }

  dropGathered(inventoryId: InventoryId): Promise<void> {
    return this.dropBlobs(`${folder(inventoryId)}gathered/`);
  }

  putDevices(inventoryId: InventoryId, shard: number, devices: Lines<DeviceRecord>): Promise<void> {
    return this.devices.write(shardName(inventoryId, shard), devices);
  }

  readDevices(inventoryId: InventoryId, shard: number): AsyncIterable<DeviceRecord> {
    return this.devices.read(shardName(inventoryId, shard));
  }

  putFindings(inventoryId: InventoryId, part: string, findings: Lines<Finding>): Promise<void> {
    return this.findings.write(`${folder(inventoryId)}findings/${part}.ndjson`, findings);
  }

  async *readFindings(inventoryId: InventoryId): AsyncGenerator<Finding, void> {
    const container = await this.clients.container();
    for (const name of await blobNames(container, `${folder(inventoryId)}findings/`)) yield* this.findings.read(name);
  }

  async finish(summary: InventorySummary): Promise<void> {
    const table = await this.clients.table("inventories");
    const entry: InventoryEntry = { state: "finished", summary };
    const row = this.codec.encode(PARTITION, newestFirstKey(summary.inventoryId), entry, { state: entry.state });
    await demand("write an inventory's row", () => table.upsertEntity(row, "Replace"));
  }

  async get(inventoryId: InventoryId): Promise<InventoryEntry | undefined> {
    const row = await getRow(await this.clients.table("inventories"), PARTITION, newestFirstKey(inventoryId));
    return row === undefined ? undefined : this.codec.decode(row).value;
  }

  async list(limit: number): Promise<readonly InventoryEntry[]> {
    const entries: InventoryEntry[] = [];
    for await (const page of this.pages(limit)) {
      entries.push(...page);
      if (entries.length >= limit) break;
    }
    return entries.slice(0, limit);
  }

  async latest(): Promise<InventorySummary | undefined> {
    for await (const page of this.pages(20)) {
      const finished = page.find((entry) => entry.state === "finished");
      if (finished !== undefined) return finished.summary;
    }
    return undefined;
  }

  async forget(inventoryId: InventoryId): Promise<void> {
    await this.dropBlobs(folder(inventoryId));
    const table = await this.clients.table("inventories");
    await attempt("forget an inventory", () => table.deleteEntity(PARTITION, newestFirstKey(inventoryId)));
  }

  private async *pages(size: number): AsyncGenerator<InventoryEntry[], void> {
    const table = await this.clients.table("inventories");
    for await (const { rows } of queryPages(table, odata`PartitionKey eq ${PARTITION}`, size))
      yield rows.map((row) => this.codec.decode(row).value);
  }

  private async dropBlobs(prefix: string): Promise<void> {
    const container = await this.clients.container();
    for (const name of await blobNames(container, prefix))
      await demand(`delete the blob ${name}`, () => container.getBlobClient(name).deleteIfExists());
  }
}

function folder(inventoryId: InventoryId): string {
  return `inventory/${inventoryId}/`;
}

function shardName(inventoryId: InventoryId, shard: number): string {
  return `${folder(inventoryId)}devices/${String(shard).padStart(3, "0")}.ndjson`;
}
