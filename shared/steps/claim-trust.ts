import type { AuthorityPlan } from "../domain/authority/plan";
import { authorityKey } from "../domain/inventory/fleet-entries";
import type { ClaimKind } from "../domain/roll/claim";
import type { Refusal } from "../domain/roll/device-row";
import { priorityOf } from "../domain/roll/playbook";
import type { RollRequest } from "../domain/roll/request";
import { EnrollmentGroupId, type RollId } from "../domain/ids";
import type { RollBlobs } from "../ports/stores";
import type { TargetClaims } from "../ports/target-claims";
import { authorityPlan } from "./authority-world";
import { documents } from "./roll-documents";

/** What a CA roll claims at DPS: its group, and the CA certificates by name. */
function targetsOf({ groupId, successor, old }: AuthorityPlan): readonly (readonly [ClaimKind, readonly string[]])[] {
  const names = [successor, ...old].flatMap(({ name }) => (name === undefined ? [] : [authorityKey(name)]));
  return [
    ["group", [groupId]],
    ["ca", [...new Set(names)]],
  ];
}

/** Claims the group and the CAs; a weightier roll takes them over. Refused where another open roll keeps one of them. */
export async function claimTrust(
  targetClaims: TargetClaims,
  rollId: RollId,
  { playbook }: RollRequest,
  plan: AuthorityPlan,
): Promise<Refusal | undefined> {
  const claimant = { rollId, priority: priorityOf(playbook, plan.authority) };
  for (const [kind, ids] of targetsOf(plan)) {
    const { held } = await targetClaims.claim(
      claimant,
      kind,
      ids.map((id) => ({ id })),
    );
    const [taken] = held;
    if (taken === undefined) continue;
    await release(targetClaims, rollId, plan);
    const [id, holder] = taken;
    return {
      code: "trust-claimed",
      detail: `roll ${holder.rollId} works on the ${kind} "${id}"; wait until it has ended`,
    };
  }
  return undefined;
}

/**
 * Claims groups that a breach has closed, so that a roll it takes them from writes nothing more for them or their devices.
 * Those that an equal or weightier roll holds stay that roll's; they are closed all the same.
 */
export async function claimClosedGroups(
  targetClaims: TargetClaims,
  rollId: RollId,
  { playbook, group }: RollRequest,
  groupIds: readonly EnrollmentGroupId[],
): Promise<void> {
  const claimant = { rollId, priority: priorityOf(playbook, group?.authority ?? "leaf") };
  await targetClaims.claim(
    claimant,
    "group",
    groupIds.map((id) => ({ id })),
  );
}

/** Whether another roll has taken the group or a CA over; asked before every write. */
export async function refuseSuperseded(
  targetClaims: TargetClaims,
  rollId: RollId,
  plan: AuthorityPlan,
): Promise<Refusal | undefined> {
  for (const [kind, ids] of targetsOf(plan)) {
    const [taken] = await targetClaims.takers(rollId, kind, ids);
    if (taken === undefined) continue;
    const [id, taker] = taken;
    return { code: "superseded", detail: `roll ${taker} has taken the ${kind} "${id}" over` };
  }
  return undefined;
}

/** Gives up what a CA roll had claimed, if it was one. */
export async function releaseTrust(targetClaims: TargetClaims, blobs: RollBlobs, rollId: RollId): Promise<void> {
  const plan = await blobs.findDocument(rollId, authorityPlan);
  if (plan !== undefined) await release(targetClaims, rollId, plan);
  const { group } = await blobs.getRequest(rollId);
  if (group === undefined) return;
  const reach = await blobs.findDocument(rollId, documents.breachReach);
  const closed = [
    EnrollmentGroupId.parse(group.groupId.toLowerCase()),
    ...(reach?.groups ?? []).map((one) => one.groupId),
  ];
  await targetClaims.release(rollId, "group", [...new Set(closed)]);
}

async function release(targetClaims: TargetClaims, rollId: RollId, plan: AuthorityPlan): Promise<void> {
  for (const [kind, ids] of targetsOf(plan)) await targetClaims.release(rollId, kind, ids);
}
