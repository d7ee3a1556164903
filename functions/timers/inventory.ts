import { app } from "@azure/functions";
import * as df from "durable-functions";
import type { createRefreshInventory } from "../../shared/use-cases/inventory/refresh";
import { inventoryStarter } from "../inventory-starter";

/** Daily by default (setting `ROLLCALL_INVENTORY_SCHEDULE`): takes an inventory, unless one is being taken. */
export function registerInventoryTimer(schedule: string, refresh: ReturnType<typeof createRefreshInventory>): void {
  app.timer("refreshInventoryDaily", {
    schedule,
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, context) => {
      const { outcome, inventoryId } = await refresh(inventoryStarter(context));
      context.log(`inventory ${inventoryId} ${outcome} by schedule`);
    },
  });
}
