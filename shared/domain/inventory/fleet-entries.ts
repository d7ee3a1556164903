import type { AuthorityName, EnrollmentGroupId, RegistrationId, Sha256Thumbprint, Slot } from "../ids";
import type { Instant } from "../instant";

/** A CA certificate as far as chains are concerned. DPS tells no key identifiers; where they are unknown, names decide. */
export interface AuthorityFacts {
  readonly sha256Thumbprint: Sha256Thumbprint;
  /** Distinguished names as text, RFC 2253 or one attribute per line; see {@link sameName}. */
  readonly subjectName: string;
  readonly issuerName: string;
  /** subjectKeyIdentifier and authorityKeyIdentifier as hex (RFC 5280 §4.2.1.1 and §4.2.1.2), where known. */
  readonly subjectKeyId?: string | undefined;
  readonly authorityKeyId?: string | undefined;
  readonly notAfter?: Instant | undefined;
}

/** A CA certificate under its name in DPS. */
export interface DpsAuthority extends AuthorityFacts {
  readonly name: AuthorityName;
  readonly isVerified: boolean;
}

/** CA certificates by their names in DPS. */
export interface CaReferences {
  readonly kind: "caReferences";
  readonly primary: AuthorityName | undefined;
  readonly secondary: AuthorityName | undefined;
}

/** What an enrollment group trusts. One family at a time: references by name, or certificates of its own. */
export type GroupTrust =
  | CaReferences
  | {
      readonly kind: "signingCertificates";
      readonly primary: AuthorityFacts | undefined;
      readonly secondary: AuthorityFacts | undefined;
    }
  /** Symmetric keys and whatever else has no certificates. */
  | { readonly kind: "other" };

export interface GroupEntry {
  readonly groupId: EnrollmentGroupId;
  readonly provisioningStatus: "enabled" | "disabled";
  readonly trust: GroupTrust;
}

/** A leaf as an enrollment shows it. */
export interface LeafFacts {
  readonly sha256Thumbprint: Sha256Thumbprint;
  readonly subjectName: string;
  readonly issuerName: string;
  readonly authorityKeyId?: string | undefined;
  readonly notAfter?: Instant | undefined;
}

export type IndividualTrust =
  | {
      readonly kind: "clientCertificates";
      readonly primary: LeafFacts | undefined;
      readonly secondary: LeafFacts | undefined;
    }
  | CaReferences
  | { readonly kind: "other" };

export interface IndividualEntry {
  readonly registrationId: RegistrationId;
  readonly provisioningStatus: "enabled" | "disabled";
  readonly trust: IndividualTrust;
}

/** Everything at one DPS that decides who may register. */
export interface FleetEntries {
  readonly authorities: readonly DpsAuthority[];
  readonly groups: readonly GroupEntry[];
  readonly individuals: readonly IndividualEntry[];
  /** CA certificates known from elsewhere (presented chains, an alert): they close gaps and are trusted by nobody. */
  readonly others?: readonly AuthorityFacts[];
}

/** Names an entry. */
export type EntryRef =
  | { readonly kind: "group"; readonly groupId: EnrollmentGroupId }
  | { readonly kind: "individual"; readonly registrationId: RegistrationId };

export const SLOTS: readonly Slot[] = ["primary", "secondary"];

/** What stands in a pair of slots, primary first; a certificate that stands in both comes once. */
export function filled<T>(slots: { readonly primary: T | undefined; readonly secondary: T | undefined }): T[] {
  const held = SLOTS.flatMap((slot): T[] => (slots[slot] === undefined ? [] : [slots[slot]]));
  return held.filter((value, at) => held.indexOf(value) === at);
}

/** One spelling per CA certificate's name: Azure Resource Manager compares them without regard to case. */
export function authorityKey(name: AuthorityName): string {
  return name.toLowerCase();
}

/**
 * True if two distinguished names mean the same subject. RFC 2253 text, one attribute per line and either order of the
 * attributes are the same to it, as is case: a chain seen where there is none only widens a blast radius, one missed hides
 * a way in.
 */
export function sameName(a: string, b: string): boolean {
  return a === b || canonicalName(a) === canonicalName(b);
}

/** The form of a distinguished name in which {@link sameName} compares. */
export function canonicalName(name: string): string {
  return name
    .split(/(?<!\\)[,\n]/)
    .map((attribute) =>
      attribute
        .replace(/\s*=\s*/, "=")
        .trim()
        .toLowerCase(),
    )
    .filter((attribute) => attribute !== "")
    .sort()
    .join(",");
}

/**
 * True if the names, and the key identifiers where both are known, say that `issuer` issued `certificate`. Signatures are
 * not looked at: that takes the certificates themselves.
 */
export function isIssuer(
  issuer: Pick<AuthorityFacts, "subjectName" | "subjectKeyId">,
  certificate: Pick<AuthorityFacts, "issuerName" | "authorityKeyId">,
): boolean {
  return sameName(issuer.subjectName, certificate.issuerName) && keyIdsAgree(issuer, certificate);
}

export function keyIdsAgree(
  issuer: Pick<AuthorityFacts, "subjectKeyId">,
  certificate: Pick<AuthorityFacts, "authorityKeyId">,
): boolean {
  const [key, wanted] = [issuer.subjectKeyId, certificate.authorityKeyId];
  return key === undefined || wanted === undefined || key.toLowerCase() === wanted.toLowerCase();
}

/** True for a certificate that names itself as its issuer: the end of a chain. */
export function isSelfIssued(certificate: Pick<AuthorityFacts, "subjectName" | "issuerName">): boolean {
  return sameName(certificate.subjectName, certificate.issuerName);
}
