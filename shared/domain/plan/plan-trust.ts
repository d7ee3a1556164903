import type { AuthorityPlan } from "../authority/plan";
import type { EnrollmentGroupId } from "../ids";
import { EnrollmentGroupId as GroupId } from "../ids";
import { isBreach } from "../roll/playbook";
import type { RollRequest } from "../roll/request";
import type { PlannedAuthority, PlannedGroup } from "./roll-plan";

/** What a group roll does at DPS; with individual enrollments, or leaves of a group, nothing. */
export interface TrustFacts {
  /** A CA takes over. */
  readonly succession: AuthorityPlan | undefined;
  /** Old CAs that will stay in DPS, by name, and what stands on them. */
  readonly kept: ReadonlyMap<string, string>;
  /** Groups that a breach closes beside the one of the request. */
  readonly alsoClosed: readonly EnrollmentGroupId[];
}

/** The CA certificates of the roll: the new one, then the old ones. */
export function plannedAuthorities(request: RollRequest, { succession, kept }: TrustFacts): PlannedAuthority[] {
  if (succession === undefined) return [];
  const { name, sha256Thumbprint, notAfter } = succession.successor;
  const goes = isBreach(request.playbook)
    ? "compromised: leaves the group in the write that brings the new one in"
    : "retires: leaves the group once every device is proven";
  return [
    {
      ...(name === undefined ? {} : { name }),
      ...{ sha256Thumbprint, notAfter },
      change: name === undefined ? "takes over, in the group's own slot" : "takes over, once possession is proven",
    },
    ...succession.old.map((old) => {
      const why = old.name === undefined ? undefined : kept.get(old.name);
      if (old.name === undefined) return { ...old, change: goes };
      return { ...old, change: why === undefined ? `${goes}, then DPS` : `${goes}; stays in DPS, because ${why}` };
    }),
  ];
}

/** The groups that the roll writes. */
export function plannedGroups({ playbook, group }: RollRequest, trust: TrustFacts): PlannedGroup[] {
  if (group === undefined || group.authority === "leaf") return [];
  const groupId = GroupId.parse(group.groupId.toLowerCase());
  const succession = trust.succession !== undefined;
  if (!isBreach(playbook))
    return succession ? [{ groupId, change: "gets the new CA beside the old one, then loses the old one" }] : [];
  const reopens = succession ? "opened again by the new CA" : "stays closed until a CA takes over";
  return [
    { groupId, change: `closed at once; ${reopens}` },
    ...trust.alsoClosed.map((id) => ({ groupId: id, change: "closed: the compromised CA opens it too" })),
  ];
}
