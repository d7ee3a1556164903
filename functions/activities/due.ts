import * as contract from "../../shared/contract/due";
import {
  createCountBatches,
  createReclaimBatch,
  createReclaimTrust,
  createReleaseBatch,
  createReleaseTrust,
  createSettleDue,
  type DueWorkDeps,
} from "../../shared/steps/due-work";
import { activity } from "./activity";

/** What looks after closed rolls. */
export function registerDueWork(deps: DueWorkDeps): void {
  activity(contract.countBatches, createCountBatches(deps));
  activity(contract.reclaimBatch, createReclaimBatch(deps));
  activity(contract.releaseBatch, createReleaseBatch(deps));
  activity(contract.reclaimTrust, createReclaimTrust(deps));
  activity(contract.releaseTrust, createReleaseTrust(deps));
  activity(contract.settleDue, createSettleDue(deps));
}
