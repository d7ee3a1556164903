import type { OldAuthority } from "../authority/plan";
import { phaseTables, type PhaseRow } from "../roll/phases";
import { isBreach } from "../roll/playbook";
import type { RollRequest } from "../roll/request";
import type { RollPhase } from "../roll/roll";
import type { PlanStep } from "./roll-plan";

/** What decides about the phases that not every roll goes through. */
export interface StepChoice {
  readonly request: RollRequest;
  readonly approval: boolean;
  /** A CA takes over. */
  readonly succession: boolean;
}

/** The phases of the playbook that this roll goes through. */
export function stepsOf(choice: StepChoice): PlanStep[] {
  return phaseTables[choice.request.playbook]
    .filter((row) => row.optional !== true || isNeeded(row.phase, choice))
    .map((row) => toStep(row, choice));
}

/** Whether an alert has to wait for a person is decided before there is a plan: that phase is no step of it. */
function isNeeded(phase: RollPhase, { request, approval, succession }: StepChoice): boolean {
  return phase === "awaiting-approval" ? approval && !isBreach(request.playbook) : succession;
}

function toStep({ phase, does, because, until, irreversible }: PhaseRow, { succession }: StepChoice): PlanStep {
  // Without a successor nothing is taken out of a group for good.
  const final = irreversible === true && (phase !== "staging" || succession);
  return { phase, does, because, until, ...(final ? { irreversible: true } : {}) };
}

/** What cannot be taken back, in the order in which it happens. */
export function irreversibleSteps(
  steps: readonly PlanStep[],
  request: RollRequest,
  old: readonly OldAuthority[],
): string[] {
  const deletes =
    isBreach(request.playbook) && request.containment === "delete"
      ? ["containing: each device's identity is deleted at every hub, with its twin, its modules and queued messages"]
      : [];
  const modules =
    isBreach(request.playbook) && (request.modules ?? "report") !== "report"
      ? [`after containing: the credentials of the devices' modules stop working (${request.modules ?? ""})`]
      : [];
  const finals = steps
    .filter(({ irreversible }) => irreversible === true)
    .map(({ phase, does }) => `${phase}: ${does}`);
  const gone = old.map(
    ({ name, sha256Thumbprint }) =>
      `the CA certificate ${name ?? sha256Thumbprint ?? "(unnamed)"} leaves the group; DPS gives no certificate back`,
  );
  return [...deletes, ...modules, ...finals, ...gone];
}
