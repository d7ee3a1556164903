import type { CertificateFacts } from "../domain/certificate/facts";

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

/** Certificates leaf first, with what was checked between neighbours. */
export interface Chain {
  readonly leaf: CertificateFacts;
  readonly issuers: readonly CertificateFacts[];
  /** True if every certificate names and is signed by the next one in the list. */
  readonly linked: boolean;
  /** True if the leaf names itself as issuer and its own key signed it. */
  readonly selfSigned: boolean;
  /** Which of the given authorities signed the last certificate of the chain, or stand in it. */
  anchoredIn(authorities: readonly TrustedAuthority[]): TrustedAuthority | undefined;
  /** The same certificates as clean PEM (nothing else of the input), each block ending in a newline. */
  readonly pem: string;
}

/** A CA certificate that DPS holds as verified. */
export interface TrustedAuthority {
  /** Its name in DPS. */
  readonly name: string;
  readonly certificatePem: string;
}
