import type { z } from "zod";
import { Finding, type InventoryId, type InventorySummary } from "../../shared/domain/inventory/inventory";
import { DeviceRecord, GatheredLine, TrustRecord } from "../../shared/domain/inventory/records";
import type { Instant } from "../../shared/domain/instant";
import { RollError } from "../../shared/domain/roll-error";
import type { InventoryEntry, InventoryStore, Lines } from "../../shared/ports/inventory";

/** Inventories without a storage account; passes the contract suite of the real store. */
export class MemoryInventoryStore implements InventoryStore {
  private readonly blobs = new Map<string, string>();
  private readonly rows = new Map<InventoryId, InventoryEntry>();

  begin(inventoryId: InventoryId, startedAt: Instant): Promise<void> {
    if (!this.rows.has(inventoryId)) this.rows.set(inventoryId, { state: "begun", inventoryId, startedAt });
    return Promise.resolve();
  }

  putTrust(inventoryId: InventoryId, trust: TrustRecord): Promise<void> {
    return this.write(`${inventoryId}/trust`, [trust]);
  }

  async getTrust(inventoryId: InventoryId): Promise<TrustRecord> {
    for await (const trust of this.read(`${inventoryId}/trust`, TrustRecord)) return trust;
    throw new RollError("store-corrupt", "trust is empty", false);
  }

  putGathered(inventoryId: InventoryId, page: string, lines: Lines<GatheredLine>): Promise<void> {
    return this.write(`${inventoryId}/gathered/${page}`, lines);
  }

  readGathered(inventoryId: InventoryId): AsyncIterable<GatheredLine> {
    return this.readAll(`${inventoryId}/gathered/`, GatheredLine);
  }

  dropGathered(inventoryId: InventoryId): Promise<void> {
    for (const name of this.names(`${inventoryId}/gathered/`)) this.blobs.delete(name);
    return Promise.resolve();
  }

  putDevices(inventoryId: InventoryId, shard: number, devices: Lines<DeviceRecord>): Promise<void> {
    return this.write(`${inventoryId}/devices/${shard}`, devices);
  }

  readDevices(inventoryId: InventoryId, shard: number): AsyncIterable<DeviceRecord> {
    return this.read(`${inventoryId}/devices/${shard}`, DeviceRecord);
  }

  putFindings(inventoryId: InventoryId, part: string, findings: Lines<Finding>): Promise<void> {
    return this.write(`${inventoryId}/findings/${part}`, findings);
  }

  readFindings(inventoryId: InventoryId): AsyncIterable<Finding> {
    return this.readAll(`${inventoryId}/findings/`, Finding);
  }

  finish(summary: InventorySummary): Promise<void> {
    this.rows.set(summary.inventoryId, { state: "finished", summary });
    return Promise.resolve();
  }

  get(inventoryId: InventoryId): Promise<InventoryEntry | undefined> {
    return Promise.resolve(this.rows.get(inventoryId));
  }

  list(limit: number): Promise<readonly InventoryEntry[]> {
    const newestFirst = [...this.rows].sort(([a], [b]) => (a < b ? 1 : -1));
    return Promise.resolve(newestFirst.slice(0, limit).map(([, entry]) => entry));
  }

  async latest(): Promise<InventorySummary | undefined> {
    const entries = await this.list(this.rows.size);
    return entries.find((entry) => entry.state === "finished")?.summary;
  }

  forget(inventoryId: InventoryId): Promise<void> {
    for (const name of this.names(`${inventoryId}/`)) this.blobs.delete(name);
    this.rows.delete(inventoryId);
    return Promise.resolve();
  }

  /** Names of what is kept, for tests to look at. */
  names(prefix = ""): string[] {
    return [...this.blobs.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  private async write(name: string, values: Lines<unknown>): Promise<void> {
    let text = "";
    for await (const value of values) text += `${JSON.stringify(value)}\n`;
    this.blobs.set(name, text);
  }

  private async *read<T>(name: string, schema: z.ZodType<T>): AsyncGenerator<T, void> {
    await Promise.resolve();
    const text = this.blobs.get(name);
    if (text === undefined) throw new RollError("store-corrupt", `${name} does not exist`, false);
    for (const line of text.split("\n")) if (line !== "") yield schema.parse(JSON.parse(line));
  }

  private async *readAll<T>(prefix: string, schema: z.ZodType<T>): AsyncGenerator<T, void> {
    for (const name of this.names(prefix)) yield* this.read(name, schema);
  }
}
