import * as contract from "../../shared/contract/reprovision";
import { createDispatchBatch, type DispatchBatchDeps } from "../../shared/steps/dispatch-batch";
import { createPlanExpiry, type PlanExpiryDeps } from "../../shared/steps/plan-expiry";
import { createProveChange, type ProveChangeDeps } from "../../shared/steps/prove-change";
import { createReadCourse, type ReadCourseDeps } from "../../shared/steps/read-course";
import { createRequestCsrs, type RequestCsrsDeps } from "../../shared/steps/request-csrs";
import { createRetireBatch, type RetireBatchDeps } from "../../shared/steps/retire-batch";
import { createStageBatch, type StageBatchDeps } from "../../shared/steps/stage-batch";
import {
  createBrakeRoll,
  createDueBatches,
  createReadWave,
  createWeigh,
  type WaveDeps,
} from "../../shared/steps/wave-steps";
import { activity } from "./activity";

export type ReprovisionDeps = DispatchBatchDeps &
  PlanExpiryDeps &
  ProveChangeDeps &
  ReadCourseDeps &
  RequestCsrsDeps &
  RetireBatchDeps &
  StageBatchDeps &
  WaveDeps;

/** The steps by which devices change over while old trust stays open. */
export function registerReprovision(deps: ReprovisionDeps): void {
  activity(contract.readCourse, createReadCourse(deps));
  activity(contract.planExpiry, createPlanExpiry(deps));
  activity(contract.requestCsrs, createRequestCsrs(deps));
  activity(contract.stageBatch, createStageBatch(deps));
  activity(contract.dispatchBatch, createDispatchBatch(deps));
  activity(contract.proveChange, createProveChange(deps));
  activity(contract.retireBatch, createRetireBatch(deps));
  activity(contract.readWave, createReadWave(deps));
  activity(contract.dueBatches, createDueBatches(deps));
  activity(contract.weigh, createWeigh(deps));
  activity(contract.brakeRoll, createBrakeRoll(deps));
}
