import { CaGraph } from "../domain/inventory/ca-graph";
import type { AuthorityFacts, DpsAuthority, GroupEntry, GroupTrust } from "../domain/inventory/fleet-entries";
import type { Authorities } from "../ports/authorities";
import type { EnrollmentGroup, EnrollmentGroups, GroupAttestation } from "../ports/enrollment-groups";
import type { SlotView } from "../ports/entries";
import { allGroups } from "./pages";

export interface ReadTrustDeps {
  readonly authorities: Authorities;
  readonly groups: EnrollmentGroups;
}

/** What DPS trusts now: its CA certificates and groups, without individual enrollments. `others`: certificates known from elsewhere. */
export async function readTrust(
  { authorities, groups }: ReadTrustDeps,
  others: readonly AuthorityFacts[] = [],
): Promise<CaGraph> {
  const [held, entries] = await Promise.all([authorities.list(), allGroups(groups)]);
  return new CaGraph({
    authorities: held.flatMap(({ name, isVerified, certificate }): DpsAuthority[] => {
      if (certificate === undefined) return [];
      const { sha256Thumbprint, subject, issuer, notAfter } = certificate;
      return [{ name, isVerified, sha256Thumbprint, subjectName: subject, issuerName: issuer, notAfter }];
    }),
    groups: entries.map(toEntry),
    individuals: [],
    others,
  });
}

function toEntry({ groupId, provisioningStatus, attestation }: EnrollmentGroup): GroupEntry {
  return { groupId, provisioningStatus, trust: toTrust(attestation) };
}

function toTrust(held: GroupAttestation): GroupTrust {
  switch (held.kind) {
    case "caReferences":
      return held;
    case "signingCertificates":
      return { kind: held.kind, primary: toFacts(held.primary), secondary: toFacts(held.secondary) };
    case "other":
      return { kind: "other" };
    default:
      return held satisfies never;
  }
}

function toFacts(held: SlotView | undefined): AuthorityFacts | undefined {
  if (held === undefined) return undefined;
  const { sha256Thumbprint, subjectName, issuerName = "", notAfter } = held;
  return { sha256Thumbprint, subjectName, issuerName, notAfter };
}
