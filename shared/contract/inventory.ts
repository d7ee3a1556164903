import { z } from "zod";
import { HubJobId } from "../domain/ids";
import { Instant } from "../domain/instant";
import { InventoryId } from "../domain/inventory/inventory";
import { activityContract } from "./activity";

/** A service's own word for where its list goes on. */
const Token = z.string().max(8_000);

/** What has come together so far; small, whatever the fleet's size. */
const Progress = z.object({
  /** Lines about devices. */
  lines: z.int().nonnegative(),
  /** Places of hubs (in the order of the settings) whose registry could not be exported. */
  queried: z.array(z.int().nonnegative()).max(50),
  /** Lines of exports that nothing could be made of. */
  unreadable: z.int().nonnegative(),
});

/** Where the taking of an inventory stands: what is to be done next. */
export const InventoryCursor = z.discriminatedUnion("at", [
  /** CA certificates and groups. */
  z.object({ at: z.literal("trust") }),
  z.object({ at: z.literal("enrollments"), page: z.int().nonnegative(), token: Token.optional(), progress: Progress }),
  z.object({
    at: z.literal("registrations"),
    /** Place of the group in the inventory's list. */
    group: z.int().nonnegative(),
    page: z.int().nonnegative(),
    token: Token.optional(),
    progress: Progress,
  }),
  z.object({
    at: z.literal("export"),
    hub: z.int().nonnegative(),
    jobId: HubJobId.optional(),
    /** How often was looked. */
    looks: z.int().nonnegative(),
    progress: Progress,
  }),
  z.object({
    at: z.literal("query"),
    hub: z.int().nonnegative(),
    page: z.int().nonnegative(),
    token: Token.optional(),
    progress: Progress,
  }),
  z.object({ at: z.literal("join"), shard: z.int().nonnegative(), shards: z.int().positive(), progress: Progress }),
  z.object({ at: z.literal("finish"), shards: z.int().positive(), progress: Progress }),
]);
export type InventoryCursor = z.infer<typeof InventoryCursor>;
export type InventoryProgress = z.infer<typeof Progress>;

/**
 * Does the next piece of an inventory, some seconds long. Safe to run twice: it replaces what it wrote. `next` is absent
 * when the inventory is finished; `waitMs`: a service needs this long before looking again helps.
 */
export const takeInventory = activityContract({
  name: "takeInventory",
  input: z.object({ inventoryId: InventoryId, startedAt: Instant, cursor: InventoryCursor }),
  output: z.object({ next: InventoryCursor.optional(), waitMs: z.int().nonnegative().optional() }),
});

/** Takes one inventory. There is one instance, `inventory`, so that only one is taken at a time. */
export const refreshInventory = activityContract({
  name: "refreshInventory",
  input: z.object({ inventoryId: InventoryId, startedAt: Instant, cursor: InventoryCursor }),
  output: z.object({}),
});

export const INVENTORY_INSTANCE = "inventory";
