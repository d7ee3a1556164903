import type { Instant } from "../instant";
import type { Sha256Thumbprint } from "../ids";

/** What a certificate says, read but not judged. */
export interface CertificateFacts {
  readonly sha256Thumbprint: Sha256Thumbprint;
  /** Subject common name, case kept; undefined where the subject has none. */
  readonly commonName: string | undefined;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** SHA-256 of the SubjectPublicKeyInfo, upper-case hex: equal for two certificates over the same key. */
  readonly publicKeySha256: string;
  readonly publicKey: PublicKeyFacts;
  /** basicConstraints CA flag (RFC 5280 §4.2.1.9). */
  readonly isAuthority: boolean;
  /** Extended key usages as OIDs; undefined where the extension is absent (RFC 5280 §4.2.1.12: any use). */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Lower-case name of the signature's hash, such as `sha256`; undefined for algorithms without one. */
  readonly signatureHash: string | undefined;
}

export type PublicKeyFacts =
  | { readonly kind: "ec"; readonly curve: string }
  | { readonly kind: "rsa"; readonly bits: number }
  | { readonly kind: "other"; readonly name: string };
