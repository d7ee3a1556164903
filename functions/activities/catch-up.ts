import * as contract from "../../shared/contract/catch-up";
import { createCatchUpPartition, createListStreamPartitions, type CatchUpDeps } from "../../shared/steps/catch-up";
import { activity } from "./activity";

/** Names the steps that read the event stream again to the host. */
export function registerCatchUpWork(deps: CatchUpDeps): void {
  activity(contract.listStreamPartitions, createListStreamPartitions(deps));
  activity(contract.catchUpPartition, createCatchUpPartition(deps));
}
