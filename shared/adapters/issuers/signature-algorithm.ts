import type { KeyObject } from "node:crypto";
import { derSequence, derObjectIdentifier, derValue } from "../x509/der-writer";

/** How a CA's key signs certificates. */
export interface SignatureAlgorithm {
  readonly hash: "sha256" | "sha384" | "sha512";
  /** Key Vault's name for it. */
  readonly vaultName: "ES256" | "ES384" | "ES512" | "RS256";
  /** DER of the AlgorithmIdentifier. */
  readonly identifier: Buffer;
}

/** ECDSA identifiers have no parameters (RFC 5758 §3.2); those of RSA have a NULL (RFC 4055 §5). */
const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ["prime256v1", { hash: "sha256", vaultName: "ES256", identifier: algorithm("1.2.840.10045.4.3.2") }],
  ["secp384r1", { hash: "sha384", vaultName: "ES384", identifier: algorithm("1.2.840.10045.4.3.3") }],
  ["secp521r1", { hash: "sha512", vaultName: "ES512", identifier: algorithm("1.2.840.10045.4.3.4") }],
  ["rsa", { hash: "sha256", vaultName: "RS256", identifier: algorithm("1.2.840.113549.1.1.11", derValue(0x05)) }],
]);

/** The hash that fits the key's strength; undefined for keys of another kind. */
export function signatureAlgorithmOf(publicKey: KeyObject): SignatureAlgorithm | undefined {
  const kind = publicKey.asymmetricKeyType;
  return ALGORITHMS.get(kind === "ec" ? (publicKey.asymmetricKeyDetails?.namedCurve ?? "") : (kind ?? ""));
}

function algorithm(oid: string, ...parameters: readonly Buffer[]): Buffer {
  return derSequence(derObjectIdentifier(oid), ...parameters);
}
