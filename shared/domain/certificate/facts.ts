import type { Instant } from "../instant";
import type { Sha256Thumbprint } from "../ids";

/** What a certificate says, read but not judged. */
export interface CertificateFacts {
  readonly sha256Thumbprint: Sha256Thumbprint;
  /** Upper-case hex, without a leading zero octet. */
  readonly serialNumber: string;
  /** For people, in the order of the encoding, such as `O=Contoso, CN=Fleet Root`; never compare names by it. */
  readonly subject: string;
  readonly issuer: string;
  /** Subject common name, case kept; undefined where the subject has none. */
  readonly commonName: string | undefined;
  readonly issuerCommonName: string | undefined;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** SHA-256 of the SubjectPublicKeyInfo, upper-case hex: equal for two certificates over the same key. */
  readonly publicKeySha256: string;
  readonly publicKey: PublicKeyFacts;
  /** basicConstraints CA flag (RFC 5280 §4.2.1.9). */
  readonly isAuthority: boolean;
  /** How many intermediates may follow below this CA (RFC 5280 §4.2.1.9); undefined: any number. */
  readonly pathLength: number | undefined;
  /** By RFC 5280's names, such as `keyCertSign`; undefined where the extension is absent (any usage). */
  readonly keyUsage: readonly KeyUsage[] | undefined;
  /** Key identifiers as upper-case hex, where the extensions give them: hints for finding issuers, no proof of anything. */
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  /** Extended key usages as OIDs; undefined where the extension is absent (RFC 5280 §4.2.1.12: any use). */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Lower-case name of the signature's hash, such as `sha256`; undefined for algorithms without one. */
  readonly signatureHash: string | undefined;
}

/** RFC 5280 §4.2.1.3, in the order of its bits. */
export const KEY_USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

/** A CA certificate that this DPS holds as verified and that a chain reaches. */
export interface Anchor {
  /** Its name in DPS. */
  readonly name: string;
  readonly facts: CertificateFacts;
}

export type PublicKeyFacts =
  | { readonly kind: "ec"; readonly curve: string }
  | { readonly kind: "rsa"; readonly bits: number }
  | { readonly kind: "other"; readonly name: string };
