import * as contract from "../../shared/contract/authority-activities";
import { createCountLeaning, type CountLeaningDeps } from "../../shared/steps/count-leaning";
import { createDeleteAuthority } from "../../shared/steps/delete-authority";
import { createDropAuthority, type DropAuthorityDeps } from "../../shared/steps/drop-authority";
import { createJudgeSuccessor, type JudgeSuccessorDeps } from "../../shared/steps/judge-successor";
import { createProvePossession, type ProvePossessionDeps } from "../../shared/steps/prove-possession";
import { createReplaceAuthority } from "../../shared/steps/replace-authority";
import { createStageAuthority } from "../../shared/steps/stage-authority";
import { createSurveyRegistrations, type SurveyRegistrationsDeps } from "../../shared/steps/survey-registrations";
import { activity } from "./activity";

export type AuthorityDeps = JudgeSuccessorDeps &
  ProvePossessionDeps &
  DropAuthorityDeps &
  CountLeaningDeps &
  SurveyRegistrationsDeps;

/** What changes trust in CAs at DPS. */
export function registerAuthorities(deps: AuthorityDeps): void {
  activity(contract.judgeSuccessor, createJudgeSuccessor(deps));
  activity(contract.provePossession, createProvePossession(deps));
  activity(contract.stageAuthority, createStageAuthority(deps));
  activity(contract.replaceAuthority, createReplaceAuthority(deps));
  activity(contract.surveyRegistrations, createSurveyRegistrations(deps));
  activity(contract.dropAuthority, createDropAuthority(deps));
  activity(contract.countLeaning, createCountLeaning(deps));
  activity(contract.deleteAuthority, createDeleteAuthority(deps));
}
