import { AuthorityName, EnrollmentGroupId, RegistrationId, Sha256Thumbprint } from "../../shared/domain/ids";
import type {
  AuthorityFacts,
  DpsAuthority,
  GroupEntry,
  IndividualEntry,
  LeafFacts,
} from "../../shared/domain/inventory/fleet-entries";

/** A thumbprint that is recognisably this name's; names of at most eight characters. */
export function thumbprintOf(name: string): Sha256Thumbprint {
  const hex = Array.from(name, (char) => char.charCodeAt(0).toString(16).padStart(4, "0")).join("");
  return Sha256Thumbprint.parse(hex.toUpperCase().padEnd(64, "0"));
}

/** A CA certificate called `name`, issued by `issuer` (its own issuer if that is left out). */
export function aCa(name: string, issuer = name): AuthorityFacts {
  return { sha256Thumbprint: thumbprintOf(name), subjectName: `CN=${name}`, issuerName: `CN=${issuer}` };
}

export function inDps(
  certificate: AuthorityFacts,
  verified: boolean,
  name = certificate.subjectName.slice(3),
): DpsAuthority {
  return { ...certificate, name: AuthorityName.parse(name), isVerified: verified };
}

export function aGroup(
  groupId: string,
  primary: AuthorityFacts | string | undefined,
  secondary?: AuthorityFacts | string,
  provisioningStatus: GroupEntry["provisioningStatus"] = "enabled",
): GroupEntry {
  const trust: GroupEntry["trust"] =
    isName(primary) || isName(secondary)
      ? { kind: "caReferences", primary: nameIn(primary), secondary: nameIn(secondary) }
      : { kind: "signingCertificates", primary: certificateIn(primary), secondary: certificateIn(secondary) };
  return { groupId: EnrollmentGroupId.parse(groupId), provisioningStatus, trust };
}

export function aLeaf(name: string, issuer: string): LeafFacts {
  return { sha256Thumbprint: thumbprintOf(`l${name}`), subjectName: `CN=${name}`, issuerName: `CN=${issuer}` };
}

export function anIndividual(
  name: string,
  leaves: readonly LeafFacts[],
  provisioningStatus: IndividualEntry["provisioningStatus"] = "enabled",
): IndividualEntry {
  return {
    registrationId: RegistrationId.parse(name),
    provisioningStatus,
    trust: { kind: "clientCertificates", primary: leaves[0], secondary: leaves[1] },
  };
}

function isName(slot: AuthorityFacts | string | undefined): slot is string {
  return typeof slot === "string";
}

function nameIn(slot: AuthorityFacts | string | undefined): AuthorityName | undefined {
  return isName(slot) ? AuthorityName.parse(slot) : undefined;
}

function certificateIn(slot: AuthorityFacts | string | undefined): AuthorityFacts | undefined {
  return isName(slot) ? undefined : slot;
}
