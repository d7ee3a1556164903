import type { Finding, InventoryId, InventorySummary } from "../domain/inventory/inventory";
import type { DeviceRecord, GatheredLine, TrustRecord } from "../domain/inventory/records";
import type { Instant } from "../domain/instant";

/** Lines that are made as they are needed: a million of them need not exist at the same time. */
export type Lines<T> = Iterable<T> | AsyncIterable<T>;

/**
 * Inventories: what the services said, put together. Every write replaces what an earlier run of the same step wrote.
 * Throws `RollError` (`service-unavailable`, `store-corrupt`).
 */
export interface InventoryStore {
  /** Notes that an inventory was begun, unless it is known already (it may be finished by now). */
  begin(inventoryId: InventoryId, at: Instant): Promise<void>;
  putTrust(inventoryId: InventoryId, trust: TrustRecord): Promise<void>;
  getTrust(inventoryId: InventoryId): Promise<TrustRecord>;
  /** @param page names the page: letters, digits and `-`. */
  putGathered(inventoryId: InventoryId, page: string, lines: Lines<GatheredLine>): Promise<void>;
  /** All pages, in no particular order. */
  readGathered(inventoryId: InventoryId): AsyncIterable<GatheredLine>;
  /** Deletes the gathered pages: once devices are put together nobody reads them. */
  dropGathered(inventoryId: InventoryId): Promise<void>;
  /** @param shard 0 to 999. */
  putDevices(inventoryId: InventoryId, shard: number, devices: Lines<DeviceRecord>): Promise<void>;
  readDevices(inventoryId: InventoryId, shard: number): AsyncIterable<DeviceRecord>;
  putFindings(inventoryId: InventoryId, part: string, findings: Lines<Finding>): Promise<void>;
  /** All parts, by part's name; within a part as written. */
  readFindings(inventoryId: InventoryId): AsyncIterable<Finding>;
  /** Makes the inventory one that may be asked. */
  finish(summary: InventorySummary): Promise<void>;
  get(inventoryId: InventoryId): Promise<InventoryEntry | undefined>;
  /** Newest first, at most `limit` (1-100). */
  list(limit: number): Promise<readonly InventoryEntry[]>;
  /** The newest that is finished. */
  latest(): Promise<InventorySummary | undefined>;
  /** Deletes it with all its lines; one that is gone is no error. */
  forget(inventoryId: InventoryId): Promise<void>;
}

export type InventoryEntry =
  | { readonly state: "begun"; readonly inventoryId: InventoryId; readonly startedAt: Instant }
  | { readonly state: "finished"; readonly summary: InventorySummary };

/** Starts the one orchestration that takes inventories. */
export interface InventoryStarter {
  start(inventory: { readonly inventoryId: InventoryId; readonly startedAt: Instant }): Promise<InventoryStart>;
}

export type InventoryStart =
  | { readonly outcome: "started" }
  /** Another one is being taken, and nothing was started. */
  | { readonly outcome: "running"; readonly inventoryId: InventoryId };
