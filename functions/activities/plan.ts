import * as contract from "../../shared/contract/plan";
import { createExamineBatch, type ExamineBatchDeps } from "../../shared/steps/examine-batch";
import { createFreezePlan, type FreezePlanDeps } from "../../shared/steps/freeze-plan";
import { createSumExamined, type SumExaminedDeps } from "../../shared/steps/sum-examined";
import { activity } from "./activity";

export type PlanDeps = ExamineBatchDeps & SumExaminedDeps & FreezePlanDeps;

/** What a plan is made of. */
export function registerPlan(deps: PlanDeps): void {
  activity(contract.examineBatch, createExamineBatch(deps));
  activity(contract.sumExamined, createSumExamined(deps));
  activity(contract.freezePlan, createFreezePlan(deps));
}
