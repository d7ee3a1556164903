import type { stageAuthority } from "../contract/authority-activities";
import type { AuthorityPlan } from "../domain/authority/plan";
import { decideStage } from "../domain/authority/slots";
import type { RollId } from "../domain/ids";
import type { Refusal } from "../domain/roll/device-row";
import type { Authorities } from "../ports/authorities";
import type { EnrollmentGroup, EnrollmentGroups, GroupChange } from "../ports/enrollment-groups";
import type { EntryWrite } from "../ports/entries";
import type { RollBlobs, RollStore } from "../ports/stores";
import type { TargetClaims } from "../ports/target-claims";
import {
  describeGroup,
  fillWith,
  frozenPlan,
  noteRefusal,
  noteTrust,
  slotChanges,
  slotsOf,
  withoutHindrance,
} from "./authority-world";
import { refuseSuperseded } from "./claim-trust";
import { groupContended } from "./group-contended";
import { journalled, type JournalDeps } from "./journalled";
import type { Step } from "./step";

export interface GroupTrustDeps extends JournalDeps {
  readonly authorities: Authorities;
  readonly groups: EnrollmentGroups;
  readonly blobs: RollBlobs;
  readonly rolls: RollStore;
  readonly targetClaims: TargetClaims;
}

/** How often a lost race is decided again within one run. */
export const PASSES = 5;

/**
 * Puts the new CA beside the old one. Reads, decides, writes guarded by the ETag, and reads again: only what a fresh read
 * shows counts as staged. A group never points at a CA that is missing or unverified at that moment.
 */
export function createStageAuthority(deps: GroupTrustDeps): Step<typeof stageAuthority> {
  return async ({ rollId }) => {
    const plan = await frozenPlan(deps.blobs, rollId);
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const world = await readGroup(deps, rollId, plan);
      if ("code" in world) return noteRefusal(deps.rolls, rollId, "refused", world);
      const { group, slots } = world;
      const decision = decideStage(slots, plan.successor, deps.clock.now());
      if (decision.kind === "done") {
        await noteTrust(deps.rolls, rollId, withoutHindrance);
        return { outcome: "done" };
      }
      if (decision.kind === "refused") return noteRefusal(deps.rolls, rollId, "refused", decision.refusal);
      const change: GroupChange = {
        slots: slotChanges({ [decision.slot]: fillWith(plan) }),
        provisioningStatus: group.provisioningStatus,
      };
      const what = { step: "stage-authority", action: `fill-${decision.slot}` };
      const answer = await putGroup(deps, rollId, group, what, change, plan);
      if (answer.outcome === "written")
        await noteTrust(deps.rolls, rollId, (trust) => ({
          ...trust,
          stagedAt: answer.lastUpdatedAt ?? deps.clock.now(),
        }));
      if (answer.outcome === "refused") return refusedWrite(deps, rollId, plan, answer.detail);
    }
    throw groupContended(plan.groupId);
  };
}

/** The group as it is now, if it is still what the plan is about, and the new CA fit to stand in it. */
export async function readGroup(
  { authorities, groups, targetClaims }: Pick<GroupTrustDeps, "authorities" | "groups" | "targetClaims">,
  rollId: RollId,
  plan: AuthorityPlan,
): Promise<{ readonly group: EnrollmentGroup; readonly slots: NonNullable<ReturnType<typeof slotsOf>> } | Refusal> {
  const [reading, held] = await Promise.all([groups.get(plan.groupId), authorities.list()]);
  // After the ETag was read and before anything is written by it: whoever took over has written a newer one, or will.
  const superseded = await refuseSuperseded(targetClaims, rollId, plan);
  if (superseded !== undefined) return superseded;
  if (reading.outcome === "missing") return { code: "unknown-group", detail: `group ${plan.groupId} is gone` };
  const { group } = reading;
  const slots = slotsOf(group, held);
  if (slots?.family !== plan.family)
    return {
      code: "family-changed",
      detail: `group ${plan.groupId} does not attest by ${plan.family} any more; between the two ways of X.509 there is no overlap`,
    };
  if (plan.successor.name === undefined) return { group, slots };
  const ca = held.find(({ name }) => name.toLowerCase() === plan.successor.name?.toLowerCase());
  return ca?.isVerified === true && ca.certificate?.sha256Thumbprint === plan.successor.sha256Thumbprint
    ? { group, slots }
    : {
        code: "authority-unverified",
        detail: `the CA certificate "${plan.successor.name}" is missing, unverified or another one; a group that points at it lets nobody in`,
      };
}

/** One guarded write of the group, with its intent and outcome in the journal. */
export function putGroup(
  deps: GroupTrustDeps,
  rollId: RollId,
  group: EnrollmentGroup,
  what: { readonly step: string; readonly action: string },
  change: GroupChange,
  { successor }: AuthorityPlan,
): Promise<EntryWrite> {
  const write = {
    ...what,
    target: `group ${group.groupId}`,
    guard: group.etag,
    before: describeGroup(group),
    after: `${change.provisioningStatus} ${describeSlots(change.slots)} successor=${successor.name ?? successor.sha256Thumbprint}`,
  };
  return journalled(deps, rollId, write, () => deps.groups.put(group, change));
}

function describeSlots(slots: GroupChange["slots"]): string {
  return slots === "promote" ? "promote" : `primary:${slots.primary.kind} secondary:${slots.secondary.kind}`;
}

/**
 * A reference to a CA that Azure Resource Manager has just verified may be refused for a while, because the enrollments
 * learn of it later; anything else that is refused stays refused.
 */
export function refusedWrite(
  { rolls }: Pick<GroupTrustDeps, "rolls">,
  rollId: RollId,
  { family }: AuthorityPlan,
  detail: string,
): Promise<{ readonly outcome: "not-yet" | "refused"; readonly code: string }> {
  const outcome = family === "caReferences" ? "not-yet" : "refused";
  return noteRefusal<"not-yet" | "refused">(rolls, rollId, outcome, { code: "authority-not-taken", detail });
}
