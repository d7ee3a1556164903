import { InventoryId } from "../../domain/inventory/inventory";
import { formatInstant } from "../../domain/instant";
import type { Clock, Entropy } from "../../ports/clock";
import type { InventoryStarter, InventoryStore } from "../../ports/inventory";

export interface RefreshInventoryDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly inventories: InventoryStore;
}

/** `running`: another one was being taken; `inventoryId` is that one's. */
export interface RefreshedInventory {
  readonly outcome: "started" | "running";
  readonly inventoryId: InventoryId;
}

/** Begins an inventory, unless one is being taken. For the timer and for operators. */
export function createRefreshInventory({
  clock,
  entropy,
  inventories,
}: RefreshInventoryDeps): (starter: InventoryStarter) => Promise<RefreshedInventory> {
  return async (starter) => {
    const startedAt = clock.now();
    const stamp = formatInstant(startedAt).replace(/[-:.]/g, "");
    const inventoryId = InventoryId.parse(`${stamp}-${entropy.randomHex(4)}`);
    const start = await starter.start({ inventoryId, startedAt });
    if (start.outcome === "running") return start;
    await inventories.begin(inventoryId, startedAt);
    return { outcome: "started", inventoryId };
  };
}
