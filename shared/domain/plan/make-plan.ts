import type { RollId } from "../ids";
import { formatInstant, type Instant } from "../instant";
import type { Wave } from "../pacing/wave-policy";
import { EXPIRY_MARGIN_MS, type WindowStarts } from "../pacing/windows";
import type { Refusal } from "../roll/device-row";
import { isBreach, type ModuleTreatment } from "../roll/playbook";
import type { RollRequest } from "../roll/request";
import type { Examined } from "./examined";
import { paceOf, type Allowance } from "./pace";
import { irreversibleSteps, stepsOf } from "./plan-steps";
import { plannedAuthorities, plannedGroups, type TrustFacts } from "./plan-trust";
import { refuseRoll } from "./refuse-roll";
import type { LockedOut, PlanPace, RollPlan } from "./roll-plan";

/** Whose word a plan needs. `authorities`: an expiry roll of a CA needs a person's, whatever the order says. */
export type ApprovalRule = "authorities" | "as-ordered";

/** Everything a plan is made of. */
export interface PlanFacts {
  readonly rollId: RollId;
  readonly request: RollRequest;
  readonly found: Examined;
  readonly waves: readonly Omit<Wave, "number">[];
  readonly trust: TrustFacts;
  /** What earlier steps refused about the roll as a whole. */
  readonly refused: readonly Refusal[];
  /** An issuer for certificate requests is configured. */
  readonly hasIssuer: boolean;
  readonly allowance: Allowance;
  readonly approvals: ApprovalRule;
  readonly starts: WindowStarts;
  readonly now: Instant;
}

/** Makes the plan. Pure: the same facts make the same plan. */
export function makePlan(facts: PlanFacts): RollPlan {
  const { rollId, request, found, waves, trust, now } = facts;
  const firstNotAfter = firstEnd(facts);
  const pace = paceOf({ ...facts, firstNotAfter });
  const approval = approvalOf(facts);
  const { succession } = trust;
  const steps = stepsOf({ request, approval: approval.required, succession: succession !== undefined });
  return {
    version: 1,
    rollId,
    playbook: request.playbook,
    ...(request.group === undefined ? {} : { authority: request.group.authority }),
    plannedAt: now,
    dryRun: request.dryRun === true,
    refusals: [...facts.refused, ...refuseRoll({ ...facts, firstNotAfter, pace })],
    found,
    waves: [...waves],
    groups: plannedGroups(request, trust),
    authorities: plannedAuthorities(request, trust),
    steps,
    irreversible: irreversibleSteps(steps, request, succession?.old ?? []),
    lockedOut: lockedOut(facts),
    warnings: warningsOf(facts, firstNotAfter, pace),
    pace,
    approval,
  };
}

/** The first certificate to end of those that the roll is about: device leaves, or the old CA. */
function firstEnd({ found, trust }: PlanFacts): Instant | undefined {
  const ends = [found.firstNotAfter, ...(trust.succession?.old ?? []).map(({ notAfter }) => notAfter)];
  return ends.reduce<Instant | undefined>(
    (first, at) => (at === undefined || (first !== undefined && first <= at) ? first : at),
    undefined,
  );
}

/**
 * In a breach only a CA that takes over may have to wait, and only if whoever ordered it said so: meanwhile a fleet is out
 * of work.
 */
function approvalOf({ request, approvals, trust }: PlanFacts): RollPlan["approval"] {
  const { playbook, group, approval } = request;
  if (isBreach(playbook) && trust.succession === undefined)
    return { required: false, because: "containment waits for nobody, and no CA takes over" };
  if (approval === "required") return { required: true, because: "the order asks for it" };
  if (approvals === "authorities" && !isBreach(playbook) && group !== undefined && group.authority !== "leaf")
    return { required: true, because: "the old CA goes for good, and devices that never registered cannot be counted" };
  return { required: false, because: "neither the order nor this installation asks for one" };
}

/** Whom the roll may leave without a way in. An approval of the plan names them. */
function lockedOut({ request, found, trust }: PlanFacts): LockedOut[] {
  const without = found.atRisk.find(({ code }) => code === "no-way-back");
  return [
    ...(trust.succession === undefined
      ? []
      : [
          {
            code: "never-registered",
            detail: `devices of group ${trust.succession.groupId} that never registered stand on no list; those with leaves of the old CA only are locked out when it goes`,
            examples: [],
          },
        ]),
    ...(without === undefined || !isBreach(request.playbook)
      ? []
      : [
          {
            ...without,
            detail:
              "once cut off, these devices do not go back to DPS by themselves, or hold no second leaf: they need a visit",
          },
        ]),
  ];
}

const SHUT_OUT =
  "the closed group stays in the way of old leaves, and its copy holds the new CA alone: devices of the other CA that the group holds stay shut out until they get leaves of the new one, or a group of their own";

const MODULES: Readonly<Record<ModuleTreatment, string>> = {
  report: "rotate or delete them",
  rotate: "the roll gives them credentials that nobody holds",
  delete: "the roll deletes them",
};

function warningsOf(
  { request, found, trust, now }: PlanFacts,
  firstNotAfter: Instant | undefined,
  { expectedEnd, expectedSeconds = 0 }: PlanPace,
): Refusal[] {
  const breach = isBreach(request.playbook);
  const end = expectedEnd ?? now + expectedSeconds * 1_000;
  const tooLate = firstNotAfter !== undefined && !breach && end > firstNotAfter - EXPIRY_MARGIN_MS;
  return [
    ...(tooLate
      ? [
          {
            code: "ends-too-soon",
            detail: `the first certificate ends at ${formatInstant(firstNotAfter)}, less than a day after the roll may be over: begin at once, and look after what is left`,
          },
        ]
      : []),
    ...(breach && found.modules.found > 0
      ? [
          {
            code: "residual-access",
            detail: `${found.modules.found} modules have credentials of their own, which containing their devices leaves as they are: ${MODULES[request.modules ?? "report"]}`,
          },
        ]
      : []),
    ...(trust.succession?.warnings ?? []).map((code) => ({
      code,
      detail: code === "healthy-authority-shut-out" ? SHUT_OUT : "about the CA that takes over",
    })),
  ];
}
