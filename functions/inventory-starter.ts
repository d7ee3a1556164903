import type { InvocationContext } from "@azure/functions";
import { z } from "zod";
import { INVENTORY_INSTANCE, refreshInventory } from "../shared/contract/inventory";
import { InventoryId } from "../shared/domain/inventory/inventory";
import { RollError } from "../shared/domain/roll-error";
import type { InventoryStarter } from "../shared/ports/inventory";
import { startSingle } from "./single-instance";

/** A live instance's input, which names the inventory that it takes. */
const Input = z.object({ inventoryId: InventoryId });

/** The Durable client of one invocation as the port that use-cases know. There is one instance, whoever asks. */
export function inventoryStarter(context: InvocationContext): InventoryStarter {
  return {
    async start({ inventoryId, startedAt }) {
      const started = await startSingle(context, {
        name: refreshInventory.name,
        instanceId: INVENTORY_INSTANCE,
        input: { inventoryId, startedAt, cursor: { at: "trust" } },
      });
      if (started.outcome === "started") return started;
      const living = Input.safeParse(started.input);
      if (living.success) return { outcome: "running", inventoryId: living.data.inventoryId };
      throw new RollError("service-unavailable", "an inventory is being taken that cannot be named just now", true);
    },
  };
}
