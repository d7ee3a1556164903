import * as contract from "../../shared/contract/activities";
import { readControl } from "../../shared/contract/control";
import { moveInBulk } from "../../shared/contract/import-containment";
import { liftDeny } from "../../shared/contract/deny-entries";
import * as groupBreach from "../../shared/contract/group-breach";
import { treatModules } from "../../shared/contract/residual-access";
import { createAdmitHeldBack, type AdmitHeldBackDeps } from "../../shared/steps/admit-held-back";
import { createCloseAtDps, type CloseAtDpsDeps } from "../../shared/steps/close-at-dps";
import { createCloseGroup, type CloseGroupDeps } from "../../shared/steps/close-group";
import { createCloseReach, type CloseReachDeps } from "../../shared/steps/close-reach";
import {
  createConfirmContained,
  createRecheckContained,
  type ConfirmContainedDeps,
} from "../../shared/steps/confirm-contained";
import { createHoldAtHub, type HoldAtHubDeps } from "../../shared/steps/hold-at-hub";
import { createCutTargets, type CutTargetsDeps } from "../../shared/steps/cut-targets";
import type { DueWorkDeps } from "../../shared/steps/due-work";
import { createEnterPhase, type EnterPhaseDeps } from "../../shared/steps/enter-phase";
import { createGatherTargets, type GatherTargetsDeps } from "../../shared/steps/gather-targets";
import { createLiftDeny, type LiftDenyDeps } from "../../shared/steps/lift-deny";
import { createMoveInBulk, type MoveInBulkDeps } from "../../shared/steps/move-in-bulk";
import { createOpenBatches, type OpenBatchesDeps } from "../../shared/steps/open-batches";
import { createProveBatch, type ProveBatchDeps } from "../../shared/steps/prove-batch";
import { createReadControl, type ReadControlDeps } from "../../shared/steps/read-control";
import { createReleaseHold, type ReleaseHoldDeps } from "../../shared/steps/release-hold";
import {
  createCloseRoll,
  createListWaiting,
  createNoteContained,
  createReleaseClaims,
  type MilestoneDeps,
} from "../../shared/steps/roll-milestones";
import { createTreatModules, type TreatModulesDeps } from "../../shared/steps/treat-modules";
import { createTellToMove } from "../../shared/steps/tell-to-move";
import { activity } from "./activity";
import { registerAuthorities, type AuthorityDeps } from "./authorities";
import { registerDueWork } from "./due";
import { registerExamination, type ExaminationDeps } from "./examination";
import { registerPlan, type PlanDeps } from "./plan";
import { registerReprovision, type ReprovisionDeps } from "./reprovision";
import { registerEvidenceWork, type EvidenceDeps } from "./evidence";

export type ActivityDeps = PlanDeps &
  GatherTargetsDeps &
  CutTargetsDeps &
  OpenBatchesDeps &
  EnterPhaseDeps &
  AdmitHeldBackDeps &
  CloseGroupDeps &
  CloseAtDpsDeps &
  CloseReachDeps &
  LiftDenyDeps &
  Omit<MoveInBulkDeps, "closeBatch"> &
  HoldAtHubDeps &
  ReleaseHoldDeps &
  ConfirmContainedDeps &
  ProveBatchDeps &
  ReadControlDeps &
  MilestoneDeps &
  TreatModulesDeps &
  ExaminationDeps &
  AuthorityDeps &
  DueWorkDeps &
  ReprovisionDeps &
  EvidenceDeps;

/** Names the steps to the host, as the contract has them. */
export function registerActivities(deps: ActivityDeps): void {
  activity(contract.gatherTargets, createGatherTargets(deps));
  activity(contract.cutTargets, createCutTargets(deps));
  activity(contract.openBatches, createOpenBatches(deps));
  activity(contract.admitHeldBack, createAdmitHeldBack(deps));
  activity(contract.enterPhase, createEnterPhase(deps));
  activity(contract.closeAtDps, createCloseAtDps(deps));
  activity(contract.tellToMove, createTellToMove(deps));
  activity(contract.holdAtHub, createHoldAtHub(deps));
  activity(contract.releaseHold, createReleaseHold(deps));
  activity(contract.confirmContained, createConfirmContained(deps));
  activity(contract.recheckContained, createRecheckContained(deps));
  activity(treatModules, createTreatModules(deps));
  activity(contract.noteContained, createNoteContained(deps));
  activity(contract.listWaiting, createListWaiting(deps));
  activity(contract.proveBatch, createProveBatch(deps));
  activity(contract.closeRoll, createCloseRoll(deps));
  activity(contract.releaseClaims, createReleaseClaims(deps));
  activity(groupBreach.closeGroup, createCloseGroup(deps));
  activity(moveInBulk, createMoveInBulk({ ...deps, closeBatch: createCloseAtDps(deps) }));
  activity(liftDeny, createLiftDeny(deps));
  activity(groupBreach.closeReach, createCloseReach(deps));
  activity(readControl, createReadControl(deps));
  registerAuthorities(deps);
  registerDueWork(deps);
  registerExamination(deps);
  registerPlan(deps);
  registerReprovision(deps);
  registerEvidenceWork(deps);
}
