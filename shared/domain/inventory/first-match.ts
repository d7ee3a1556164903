import type { RegistrationId, Sha256Thumbprint } from "../ids";
import type { CaGraph } from "./ca-graph";
import {
  filled,
  type AuthorityFacts,
  type EntryRef,
  type GroupEntry,
  type IndividualEntry,
  type LeafFacts,
} from "./fleet-entries";

/** What somebody presents who wants to register. */
export interface Presented {
  readonly registrationId: RegistrationId;
  readonly leaf: LeafFacts;
  /** The rest of the chain in any order; CA certificates that DPS holds need not be in it. */
  readonly issuers: readonly AuthorityFacts[];
}

export interface MatchOptions {
  /**
   * What DPS does with a leaf that an enabled individual enrollment of that id does not hold. Microsoft documents neither;
   * judge both ways unless it was verified for this instance.
   */
  readonly otherLeafOfIndividual: "refused" | "falls-through";
}

export type Match =
  /** `via`: the CA certificate that let it in; undefined where the enrollment holds the leaf itself. */
  | { readonly kind: "accepted"; readonly entry: EntryRef; readonly via: Sha256Thumbprint | undefined }
  | { readonly kind: "refused"; readonly entry: EntryRef | undefined; readonly reason: RefusalReason };

export type RefusalReason =
  | "entry-disabled"
  /** The leaf stands in a disabled enrollment of whatever id. */
  | "leaf-denied"
  | "other-leaf"
  /** The entry attests by something else than certificates. */
  | "other-attestation"
  /** The chain does not contain what the entry refers to. */
  | "not-under-reference"
  /** No verified CA certificate of this DPS at or above the one that decides. */
  | "not-anchored"
  /** No entry for anything in the chain. */
  | "no-entry";

/**
 * The entry that decides about a registration, by the walk that Microsoft documents (concepts-x509-attestation,
 * how-to-revoke-device-access): an individual enrollment of that id decides alone; else the group that holds the CA
 * certificate nearest the leaf, disabled before enabled; a verified CA must stand at or above it. Validity is not looked
 * at, because whether DPS does is documented nowhere.
 *
 * Where a CA was reissued over the same key and it is not known which certificate DPS takes, the one that lets in counts.
 */
export function firstMatch(graph: CaGraph, presented: Presented, options: MatchOptions): Match {
  const individual = graph.individual(presented.registrationId);
  if (individual !== undefined) {
    const match = matchIndividual(graph, individual, presented);
    if (match.kind === "accepted" || match.reason !== "other-leaf") return match;
    if (options.otherLeafOfIndividual === "refused") return match;
  }
  return matchGroups(graph, presented);
}

function matchIndividual(graph: CaGraph, entry: IndividualEntry, { leaf, issuers }: Presented): Match {
  const ref: EntryRef = { kind: "individual", registrationId: entry.registrationId };
  if (entry.provisioningStatus === "disabled") return refused("entry-disabled", ref);
  const { trust } = entry;
  const path = graph.levelsAbove(leaf, issuers).flat();
  const anchored = path.some(({ sha256Thumbprint }) => graph.isVerified(sha256Thumbprint));
  switch (trust.kind) {
    case "other":
      return refused("other-attestation", ref);
    case "caReferences": {
      if (!anchored) return refused("not-anchored", ref);
      const trusted = graph.trusted(entry);
      const via = path.find(({ sha256Thumbprint }) => trusted.includes(sha256Thumbprint));
      return via === undefined
        ? refused("not-under-reference", ref)
        : { kind: "accepted", entry: ref, via: via.sha256Thumbprint };
    }
    case "clientCertificates":
      if (!filled(trust).some((held) => held.sha256Thumbprint === leaf.sha256Thumbprint))
        return refused("other-leaf", ref);
      if (graph.isDeniedLeaf(leaf.sha256Thumbprint)) return refused("leaf-denied", ref);
      // A chain that is shown must lead to a verified CA; a leaf that comes alone needs none (iot-dps-https-x509-support).
      return issuers.length > 0 && !anchored
        ? refused("not-anchored", ref)
        : { kind: "accepted", entry: ref, via: undefined };
    default:
      return trust satisfies never;
  }
}

function matchGroups(graph: CaGraph, { leaf, issuers }: Presented): Match {
  const match = nearestGroup(graph, leaf, issuers);
  return match.kind === "accepted" && graph.isDeniedLeaf(leaf.sha256Thumbprint)
    ? refused("leaf-denied", match.entry)
    : match;
}

/** What any leaf says of the CA that issued it: enough to walk up from. It is also a leaf of every reissue of that CA. */
export function leafOf(ca: AuthorityFacts): Pick<LeafFacts, "subjectName" | "issuerName" | "authorityKeyId"> {
  return { subjectName: "", issuerName: ca.subjectName, authorityKeyId: ca.subjectKeyId };
}

/** The group that decides about this leaf. Individual enrollments are not looked at. */
export function nearestGroup(
  graph: CaGraph,
  leaf: Pick<LeafFacts, "subjectName" | "issuerName" | "authorityKeyId">,
  presented: readonly AuthorityFacts[] = [],
): Match {
  for (const level of graph.levelsAbove(leaf, presented)) {
    const matches = level.flatMap((certificate) => decide(graph, certificate, presented) ?? []);
    const [first] = matches;
    if (first !== undefined) return matches.find(({ kind }) => kind === "accepted") ?? first;
  }
  return refused("no-entry", undefined);
}

/** What the groups that hold this certificate say; undefined if there is none. */
function decide(graph: CaGraph, certificate: AuthorityFacts, presented: readonly AuthorityFacts[]): Match | undefined {
  const groups = graph.groupsHolding(certificate.sha256Thumbprint);
  const group: GroupEntry | undefined = groups.find(isDisabled) ?? groups[0];
  if (group === undefined) return undefined;
  const entry: EntryRef = { kind: "group", groupId: group.groupId };
  if (isDisabled(group)) return refused("entry-disabled", entry);
  const anchored = graph
    .upFrom(certificate, presented)
    .some(({ sha256Thumbprint }) => graph.isVerified(sha256Thumbprint));
  return anchored ? { kind: "accepted", entry, via: certificate.sha256Thumbprint } : refused("not-anchored", entry);
}

function isDisabled({ provisioningStatus }: GroupEntry): boolean {
  return provisioningStatus === "disabled";
}

function refused(reason: RefusalReason, entry: EntryRef | undefined): Match {
  return { kind: "refused", entry, reason };
}
