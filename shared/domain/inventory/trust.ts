import { CaGraph } from "./ca-graph";
import type { AuthorityFacts, GroupEntry, IndividualEntry, LeafFacts } from "./fleet-entries";
import type { DeviceRecord, GroupRecord, TrustRecord } from "./records";

/** The graph of CA certificates and groups of an inventory. Individual enrollments lie with the devices. */
export function graphOf(trust: TrustRecord): CaGraph {
  return new CaGraph({ authorities: trust.authorities, groups: trust.groups.map(toGroup), individuals: [] });
}

function toGroup({ trust, ...group }: GroupRecord): GroupEntry {
  switch (trust.kind) {
    case "caReferences":
      return { ...group, trust: { kind: trust.kind, primary: trust.primary, secondary: trust.secondary } };
    case "signingCertificates":
      return { ...group, trust: { kind: trust.kind, primary: trust.primary, secondary: trust.secondary } };
    case "other":
      return { ...group, trust };
    default:
      return trust satisfies never;
  }
}

type EnrollmentSlots = NonNullable<DeviceRecord["enrollment"]>;

/** A device's individual enrollment as the graph knows it; undefined if it has none. */
export function individualOf({ registrationId, enrollment }: DeviceRecord): IndividualEntry | undefined {
  if (registrationId === undefined || enrollment === undefined) return undefined;
  return { registrationId, provisioningStatus: enrollment.provisioningStatus, trust: trustOf(enrollment) };
}

function trustOf({ attestation, primary, secondary, caReferences = [] }: EnrollmentSlots): IndividualEntry["trust"] {
  if (attestation === "x509-client")
    return { kind: "clientCertificates", primary: leaf(primary), secondary: leaf(secondary) };
  const [first, second] = caReferences;
  return first === undefined ? { kind: "other" } : { kind: "caReferences", primary: first, secondary: second };
}

function leaf(held: EnrollmentSlots["primary"]): LeafFacts | undefined {
  return held === undefined ? undefined : { ...held, issuerName: held.issuerName ?? "" };
}

/** What may have issued a leaf; nothing for one that is its own issuer, or whose issuer's name is not known. */
export function issuersOfLeaf(graph: CaGraph, held: Pick<LeafFacts, "subjectName" | "issuerName">): AuthorityFacts[] {
  return held.issuerName === "" ? [] : graph.issuersOf(held);
}
