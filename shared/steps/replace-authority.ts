import type { replaceAuthority } from "../contract/authority-activities";
import type { AuthorityPlan } from "../domain/authority/plan";
import { decideReplace, slotsWith, type GroupSlots, type ReplaceDecision } from "../domain/authority/slots";
import { EnrollmentGroupId, type RollId } from "../domain/ids";
import type { Refusal } from "../domain/roll/device-row";
import type { EnrollmentGroup, GroupChange } from "../ports/enrollment-groups";
import { fillWith, frozenPlan, noteRefusal, noteTrust, slotChanges, withoutHindrance } from "./authority-world";
import { groupContended } from "./group-contended";
import { noteReopened } from "./group-guard";
import { journalled } from "./journalled";
import { opensElsewhere } from "./opens-elsewhere";
import { documents, type GroupSeen } from "./roll-documents";
import { PASSES, putGroup, readGroup, refusedWrite, type GroupTrustDeps } from "./stage-authority";
import type { Step } from "./step";

/**
 * Brings the fleet onto the new CA after a breach. Where nothing else would let leaves of the compromised CA in, it leaves
 * the group in the write that brings the new one and opens the group again. Where they would find another entry, the closed
 * group stays as it is and keeps them out, and a copy of it with the new CA enrolls the fleet. A group that never held the
 * compromised CA is left alone.
 */
export function createReplaceAuthority(deps: GroupTrustDeps): Step<typeof replaceAuthority> {
  const { blobs, rolls } = deps;
  return async ({ rollId }) => {
    const plan = await frozenPlan(blobs, rollId);
    const seen = await blobs.findDocument(rollId, documents.groupSeen(plan.groupId));
    if (seen?.heldIt === false) return done(deps, rollId, "retired");
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const world = await readGroup(deps, rollId, plan);
      if ("code" in world) return noteRefusal(rolls, rollId, "refused", world);
      if (seen !== undefined) await noteReopened(deps, rollId, world.group, seen);
      // Once the old CA has left the group it is known to nobody any more, and where it would get in cannot be asked again.
      const holdsOld = plan.old.some((old) => slotsWith(world.slots, old).length > 0);
      const shadowed = holdsOld && (await opensElsewhere(deps, rollId, plan));
      const next = shadowed
        ? await inCopy(deps, rollId, plan, world)
        : await inPlace(deps, rollId, plan, { ...world, seen });
      if (next === "again") continue;
      if (next === "done") return done(deps, rollId, shadowed ? "kept" : "out-of-group");
      return next.taken === false
        ? refusedWrite(deps, rollId, plan, next.refusal.detail)
        : noteRefusal(rolls, rollId, "refused", next.refusal);
    }
    throw groupContended(plan.groupId);
  };
}

/** `taken: false`: DPS refused the write; else there is no point in trying it. */
type Next = "done" | "again" | { readonly refusal: Refusal; readonly taken?: false };

/** One guarded write, then another pass that reads what it did. */
async function inPlace(
  deps: GroupTrustDeps,
  rollId: RollId,
  plan: AuthorityPlan,
  {
    group,
    slots,
    seen,
  }: { readonly group: EnrollmentGroup; readonly slots: GroupSlots; readonly seen: GroupSeen | undefined },
): Promise<Next> {
  const decision = decideReplace(slots, plan.successor, plan.old);
  // Somebody had disabled it before the breach: that is not ours to undo.
  const provisioningStatus = seen?.provisioningStatus ?? "enabled";
  if (decision.kind === "done" && group.provisioningStatus === provisioningStatus) return "done";
  const change: GroupChange = { slots: toSlots(decision, plan), provisioningStatus };
  const what = { step: "replace-authority", action: decision.kind === "done" ? "open" : "replace" };
  const answer = await putGroup(deps, rollId, group, what, change, plan);
  if (answer.outcome === "written")
    await noteTrust(deps.rolls, rollId, (trust) => ({ ...trust, stagedAt: answer.lastUpdatedAt ?? deps.clock.now() }));
  return answer.outcome === "refused"
    ? { refusal: { code: "authority-not-taken", detail: answer.detail }, taken: false }
    : "again";
}

function toSlots(decision: ReplaceDecision, plan: AuthorityPlan): GroupChange["slots"] {
  if (decision.kind === "promote") return "promote";
  if (decision.kind === "done") return slotChanges({});
  const { successor, clear } = decision;
  return slotChanges({
    ...(successor === undefined ? {} : { [successor]: fillWith(plan) }),
    ...(clear === undefined ? {} : { [clear]: { kind: "clear" } }),
  });
}

/** DPS takes a CA in one group only: where the new one stood beside the old one, it leaves the closed group first. */
async function inCopy(
  deps: GroupTrustDeps,
  rollId: RollId,
  plan: AuthorityPlan,
  { group, slots }: { readonly group: EnrollmentGroup; readonly slots: GroupSlots },
): Promise<Next> {
  const [beside] = slotsWith(slots, plan.successor);
  if (beside === undefined) return copy(deps, rollId, plan, group);
  const { provisioningStatus } = group;
  const change: GroupChange = { slots: slotChanges({ [beside]: { kind: "clear" } }), provisioningStatus };
  const what = { step: "replace-authority", action: "make-room" };
  const answer = await putGroup(deps, rollId, group, what, change, plan);
  return answer.outcome === "refused"
    ? { refusal: { code: "authority-not-taken", detail: answer.detail }, taken: false }
    : "again";
}

/** The group's policies under a new id, with the new CA; the old group, disabled, is matched first by old leaves. */
async function copy(deps: GroupTrustDeps, rollId: RollId, plan: AuthorityPlan, like: EnrollmentGroup): Promise<Next> {
  const groupId = copyId(plan);
  const { successor, family } = plan;
  const attestation =
    family === "signingCertificates"
      ? { kind: family, primaryPem: successor.certificatePem, secondaryPem: undefined }
      : { kind: family, primary: successor.name ?? missingName(), secondary: undefined };
  const write = {
    step: "replace-authority",
    target: `group ${groupId}`,
    action: "copy",
    before: `like ${like.groupId}`,
    after: `enabled primary=${successor.name ?? successor.sha256Thumbprint}`,
  };
  const created = await journalled(deps, rollId, write, () =>
    deps.groups.create({ groupId, like, attestation, provisioningStatus: "enabled" }),
  );
  switch (created.outcome) {
    case "created":
      return "done";
    case "exists":
      return holdsSuccessor(created.group, plan)
        ? "done"
        : { refusal: { code: "group-name-taken", detail: `there is another group "${groupId}"; rename or delete it` } };
    case "limit-reached":
      return { refusal: { code: "no-free-group-slot", detail: created.detail } };
    case "refused":
      return { refusal: { code: "authority-not-taken", detail: created.detail }, taken: false };
    default:
      return created satisfies never;
  }
}

function holdsSuccessor(
  { attestation: held, provisioningStatus }: EnrollmentGroup,
  { successor }: AuthorityPlan,
): boolean {
  if (provisioningStatus !== "enabled" || held.kind === "other") return false;
  return held.kind === "caReferences"
    ? held.primary?.toLowerCase() === successor.name?.toLowerCase()
    : held.primary?.sha256Thumbprint === successor.sha256Thumbprint;
}

/** The same in every run: the group's id and the beginning of the new CA's thumbprint. */
export function copyId({ groupId, successor }: Pick<AuthorityPlan, "groupId" | "successor">): EnrollmentGroupId {
  return EnrollmentGroupId.parse(`${groupId.slice(0, 119)}-${successor.sha256Thumbprint.slice(0, 8).toLowerCase()}`);
}

function missingName(): never {
  throw new Error("a CA that is referred to has a name");
}

async function done(
  { rolls }: GroupTrustDeps,
  rollId: RollId,
  state: "retired" | "out-of-group" | "kept",
): Promise<{ readonly outcome: "done" }> {
  const why = "its closed group keeps its leaves out, which would else find another entry";
  await noteTrust(rolls, rollId, (trust) => ({
    ...withoutHindrance(trust),
    old: trust.old.map((old) =>
      old.state === "in-group" ? { ...old, state, ...(state === "kept" ? { why } : {}) } : old,
    ),
  }));
  return { outcome: "done" };
}
