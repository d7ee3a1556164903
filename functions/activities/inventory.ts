import { takeInventory } from "../../shared/contract/inventory";
import { createTakeInventory, type TakeInventoryDeps } from "../../shared/steps/inventory/take-inventory";
import { activity } from "./activity";

/** Names the step that takes inventories to the host. */
export function registerTakeInventory(deps: TakeInventoryDeps): void {
  activity(takeInventory, createTakeInventory(deps));
}
