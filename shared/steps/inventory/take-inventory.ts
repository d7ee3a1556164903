import type { takeInventory } from "../../contract/inventory";
import type { Step } from "../step";
import { finishInventory, type FinishInventoryDeps } from "./finish-inventory";
import { gatherEnrollments, gatherRegistrations, gatherTrust, type GatherDpsDeps } from "./gather-dps";
import { gatherExport, gatherQuery, type GatherHubsDeps } from "./gather-hubs";
import { joinDevices, type JoinDevicesDeps } from "./join-devices";

export type TakeInventoryDeps = GatherDpsDeps & GatherHubsDeps & JoinDevicesDeps & FinishInventoryDeps;

/**
 * One piece of an inventory. Each reads what the cursor names, writes it under a name that the cursor gives, and says where
 * to go on: run twice, it replaces what it wrote.
 */
export function createTakeInventory(deps: TakeInventoryDeps): Step<typeof takeInventory> {
  return async ({ inventoryId, startedAt, cursor }) => {
    switch (cursor.at) {
      case "trust":
        return { next: await gatherTrust(deps, inventoryId) };
      case "enrollments":
        return { next: await gatherEnrollments(deps, inventoryId, cursor) };
      case "registrations":
        return { next: await gatherRegistrations(deps, inventoryId, cursor) };
      case "export":
        return gatherExport(deps, inventoryId, cursor);
      case "query":
        return gatherQuery(deps, inventoryId, cursor);
      case "join":
        return { next: await joinDevices(deps, inventoryId, cursor) };
      case "finish":
        await finishInventory(deps, { inventoryId, startedAt }, cursor);
        return {};
      default:
        return cursor satisfies never;
    }
  };
}
