import type { closeGroup } from "../contract/group-breach";
import { resolveBad, type BadAuthorities, type NamedAuthorities } from "../domain/enrollment/close-group";
import { EnrollmentGroupId } from "../domain/ids";
import { RollError } from "../domain/roll-error";
import type { EnrollmentGroup } from "../ports/enrollment-groups";
import type { GroupScope, RollRequest } from "../domain/roll/request";
import type { TargetClaims } from "../ports/target-claims";
import { claimClosedGroups } from "./claim-trust";
import { admitGroup, type AdmitGroupDeps } from "./admit-group";
import { shutGroup, type ShutGroupDeps } from "./shut-group";
import type { Step } from "./step";

export type CloseGroupDeps = ShutGroupDeps & AdmitGroupDeps & { readonly targetClaims: TargetClaims };

/**
 * Disables the group of the request. It is the first thing a roll of a compromised CA does, before anything is listed or
 * looked up: one read and one guarded write stop every registration through it. Only where nobody answers for it by name are its devices counted
 * before.
 */
export function createCloseGroup(deps: CloseGroupDeps): Step<typeof closeGroup> {
  return async ({ rollId, approved = false }) => {
    const request = await deps.blobs.getRequest(rollId);
    const group = groupScope(request);
    const replaces = group.authority !== "leaf" && group.successor !== undefined;
    if (group.authority === "leaf") return { outcome: "nothing", replaces };
    const resolve = (held: EnrollmentGroup): BadAuthorities => resolveBad(held, namedBad(group));
    const held = await admitGroup(deps, rollId, request, { scope: group, approved, resolve });
    if (held !== undefined) return { outcome: "held-back", replaces, held };
    const { outcome } = await shutGroup(deps, rollId, idOf(group), resolve);
    if (outcome === "contended")
      throw new RollError("service-unavailable", `group ${group.groupId} was written by others each time`, true);
    // After the write that matters: whoever had the group writes nothing more there.
    await claimClosedGroups(deps.targetClaims, rollId, request, [idOf(group)]);
    return { outcome, replaces };
  };
}

/** The part of a group roll's request that other rolls do not have. */
export function groupScope({ group }: RollRequest): GroupScope {
  if (group === undefined) throw new Error("a group roll without a group");
  return group;
}

export function idOf({ groupId }: GroupScope): EnrollmentGroupId {
  return EnrollmentGroupId.parse(groupId.toLowerCase());
}

/**
 * What the request calls compromised. Whoever has a root's key can make any intermediate below it, so that a root puts
 * everything in the group under suspicion unless slots were named.
 */
export function namedBad({ authority, compromised }: GroupScope): NamedAuthorities {
  const { slots, thumbprints } = compromised ?? {};
  return { thumbprints, slots: slots ?? (authority === "root" ? ["primary", "secondary"] : undefined) };
}
