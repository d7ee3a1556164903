import type { Anchor, CertificateFacts } from "../domain/certificate/facts";
import type { Sha256Thumbprint } from "../domain/ids";

/** Reads certificates; holds no keys and judges nothing (the rules are in domain/certificate). */
export interface CertificateReader {
  /**
   * Reads one or more PEM certificates, leaf first, as a device would present them.
   * A private key anywhere in the text answers `private-key`, and the text is not kept; text that holds no certificate or
   * one that cannot be parsed answers `unreadable`.
   */
  readChain(pem: string): ChainReading;

  /**
   * True if `signature` (base64, ECDSA or RSA with SHA-256) over the UTF-8 `text` was made by the key of the first
   * certificate in `pem`. False for every kind of failure.
   */
  verifySignature(pem: string, text: string, signature: string): boolean;
}

export type ChainReading =
  | { readonly outcome: "read"; readonly chain: Chain }
  | { readonly outcome: "private-key" }
  | { readonly outcome: "unreadable"; readonly detail: string };

/**
 * Certificates leaf first, with what was checked between neighbours. For the chain of a CA, the CA itself comes first and
 * is called `leaf` here.
 */
export interface Chain {
  readonly leaf: CertificateFacts;
  readonly issuers: readonly CertificateFacts[];
  /** True if every certificate names and is signed by the next one in the list. */
  readonly linked: boolean;
  /** True if the leaf names itself as issuer and its own key signed it. */
  readonly selfSigned: boolean;
  /** The first of the given authorities that signed the last certificate of the chain, or stands in it above the leaf. */
  anchoredIn(authorities: readonly TrustedAuthority[]): Anchor | undefined;
  /**
   * True if the chain leads to exactly this CA certificate: it stands in the chain above the leaf, or it is one of `known`
   * and signed the last certificate that was presented, itself or by way of others of `known`. A CA that was issued again
   * over the same name and key has signed the same certificates: the two are told apart only where the chain contains one.
   */
  chainsTo(caSha256: Sha256Thumbprint, known: readonly TrustedAuthority[]): boolean;
  /** The same certificates as clean PEM (nothing else of the input), each block ending in a newline. */
  readonly pem: string;
}

/** A CA certificate that DPS holds as verified. */
export interface TrustedAuthority {
  /** Its name in DPS. */
  readonly name: string;
  readonly certificatePem: string;
}
