import type { AuthorityName, EnrollmentGroupId, RegistrationId, Sha256Thumbprint } from "../ids";
import type { CaGraph } from "./ca-graph";
import { leafOf, nearestGroup } from "./first-match";
import { filled, isSelfIssued, type AuthorityFacts, type GroupEntry, type IndividualEntry } from "./fleet-entries";

/** How much is known: `possible` where issuers are missing in between that only devices present. */
export type Certainty = "certain" | "possible";

/** A group that leans on a CA certificate which it does not name: a verified one above its own certificate. */
export interface ImplicitAnchor {
  readonly groupId: EnrollmentGroupId;
  /** True if one of the group's own certificates would let nobody in without it. */
  readonly sole: boolean;
  readonly certainty: Certainty;
}

/**
 * Groups that lean on this CA certificate without naming it. Whoever deletes it from DPS breaks those where it is the only
 * one. Groups that do name it are not listed.
 */
export function implicitlyAnchored(graph: CaGraph, ca: Sha256Thumbprint): readonly ImplicitAnchor[] {
  if (!graph.isVerified(ca)) return [];
  return graph.entries.groups.flatMap((group): ImplicitAnchor[] => {
    const own = graph.trusted(group).flatMap((thumbprint) => graph.authority(thumbprint) ?? []);
    if (own.some(({ sha256Thumbprint }) => sha256Thumbprint === ca)) return [];
    const leaning = own.flatMap((certificate) => leaningOn(graph, certificate, ca) ?? []);
    // Of two slots the one that stands to lose more speaks for the group.
    const worst = leaning.find(isLockedOut) ?? leaning.find(({ sole }) => sole) ?? leaning[0];
    return worst === undefined ? [] : [{ groupId: group.groupId, ...worst }];
  });
}

function isLockedOut({ sole, certainty }: Omit<ImplicitAnchor, "groupId">): boolean {
  return sole && certainty === "certain";
}

/** How one of a group's certificates depends on the CA; undefined if it does not. */
function leaningOn(
  graph: CaGraph,
  certificate: AuthorityFacts,
  ca: Sha256Thumbprint,
): Omit<ImplicitAnchor, "groupId"> | undefined {
  const anchors = graph
    .upFrom(certificate)
    .map(({ sha256Thumbprint }) => sha256Thumbprint)
    .filter((thumbprint) => graph.isVerified(thumbprint));
  if (anchors.includes(ca)) return { sole: anchors.length === 1, certainty: "certain" };
  // Its chain ends in a gap below every anchor: any verified CA may be the one that the devices lead up to.
  const mayLead = anchors.length === 0 && graph.gapsAbove(certificate).length > 0;
  return mayLead ? { sole: true, certainty: "possible" } : undefined;
}

/** What a CA certificate stands behind at DPS. */
export interface CaReach {
  /** Groups with it in a slot. */
  readonly holding: readonly EnrollmentGroupId[];
  /** Groups with a certificate that it issued, directly or through others. */
  readonly below: readonly EnrollmentGroupId[];
  /** Groups with a certificate whose issuers are not all known: it may be among them. */
  readonly possible: readonly EnrollmentGroupId[];
  /** The group that lets its own leaves in, if that is neither of those. */
  readonly through: EnrollmentGroupId | undefined;
  /** Individual enrollments with a leaf under it, or that refer to it. */
  readonly individuals: readonly RegistrationId[];
  /** Other CA certificates of DPS that it issued. */
  readonly authorities: readonly AuthorityName[];
}

/** Everything at DPS that a CA certificate vouches for: what its key can open once it is in the wrong hands. */
export function reachOfCa(graph: CaGraph, ca: Sha256Thumbprint): CaReach {
  const certificate = graph.authority(ca);
  if (certificate === undefined)
    return { holding: [], below: [], possible: [], through: undefined, individuals: [], authorities: [] };
  const under = descendants(graph, ca);
  const holding = graph.groupsHolding(ca).map(groupIdOf);
  const below = graph.entries.groups
    .filter((group) => !holding.includes(group.groupId))
    .filter((group) => graph.trusted(group).some((thumbprint) => under.has(thumbprint)))
    .map(groupIdOf);
  const match = holding.length > 0 ? undefined : nearestGroup(graph, leafOf(certificate));
  return {
    holding,
    below,
    possible: graph.entries.groups
      .map(groupIdOf)
      .filter((groupId) => !holding.includes(groupId) && !below.includes(groupId) && mayBeBelow(graph, groupId)),
    through: match?.kind === "accepted" && match.entry.kind === "group" ? match.entry.groupId : undefined,
    individuals: graph.entries.individuals
      .filter((entry) => isUnder(graph, entry, under))
      .map(({ registrationId }) => registrationId),
    authorities: graph.entries.authorities
      .filter(({ sha256Thumbprint }) => sha256Thumbprint !== ca && under.has(sha256Thumbprint))
      .map(({ name }) => name),
  };
}

function mayBeBelow(graph: CaGraph, groupId: EnrollmentGroupId): boolean {
  const group = graph.group(groupId);
  const own =
    group === undefined ? [] : graph.trusted(group).flatMap((thumbprint) => graph.authority(thumbprint) ?? []);
  return own.some((certificate) => graph.gapsAbove(certificate).length > 0);
}

/** The certificate and every CA certificate below it. */
export function descendants(graph: CaGraph, ca: Sha256Thumbprint): ReadonlySet<Sha256Thumbprint> {
  return new Set(
    graph
      .all()
      .filter((certificate) => graph.descendsFrom(certificate, ca))
      .map(({ sha256Thumbprint }) => sha256Thumbprint),
  );
}

function isUnder(graph: CaGraph, entry: IndividualEntry, under: ReadonlySet<Sha256Thumbprint>): boolean {
  if (entry.trust.kind !== "clientCertificates")
    return graph.trusted(entry).some((thumbprint) => under.has(thumbprint));
  return filled(entry.trust).some(
    (leaf) => !isSelfIssued(leaf) && graph.issuersOf(leaf).some(({ sha256Thumbprint }) => under.has(sha256Thumbprint)),
  );
}

function groupIdOf({ groupId }: GroupEntry): EnrollmentGroupId {
  return groupId;
}
