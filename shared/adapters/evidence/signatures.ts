import { createPrivateKey, createPublicKey, sign, verify, X509Certificate, type KeyObject } from "node:crypto";
import type { EvidenceSignature, EvidenceSigner } from "../../domain/evidence/lines";
import { signatureAlgorithmOf } from "../issuers/signature-algorithm";

/** True if the value is the named key's signature over the text, in the one base64 form of it. */
export function isSigned(text: string, { signer, value }: EvidenceSignature): boolean {
  const key = readPublicKey(signer.publicKeyPem);
  const algorithm = key && signatureAlgorithmOf(key);
  const bytes = Buffer.from(value, "base64");
  if (algorithm?.vaultName !== signer.algorithm || bytes.toString("base64") !== value) return false;
  if (key === undefined || signer.publicKeyPem !== publicPem(key)) return false;
  if (signer.certificatePem !== undefined && !isFor(signer.certificatePem, key)) return false;
  return verify(algorithm.hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }, bytes);
}

/**
 * Whose signatures these are, from a certificate or a public key in PEM form. Throws `RangeError`, saying what to give
 * instead.
 */
export function readSigner(pem: string): EvidenceSigner {
  const key = readPublicKey(pem);
  if (key === undefined) throw new RangeError("holds neither a certificate nor a public key in PEM form");
  const algorithm = signatureAlgorithmOf(key);
  if (algorithm === undefined)
    throw new RangeError("holds a key of another kind than ECDSA P-256, P-384, P-521 or RSA");
  const certificate = pem.includes("BEGIN CERTIFICATE") ? new X509Certificate(pem).toString() : undefined;
  return {
    algorithm: algorithm.vaultName,
    publicKeyPem: publicPem(key),
    ...(certificate === undefined ? {} : { certificatePem: certificate }),
  };
}

/** A private key in PEM form and its own signer. Throws `RangeError`; the key is never part of the message. */
export function readPrivateKey(pem: string): {
  readonly signer: EvidenceSigner;
  readonly sign: (text: string) => Buffer;
} {
  const key = privateKeyOf(pem);
  const publicKey = createPublicKey(key);
  const algorithm = signatureAlgorithmOf(publicKey);
  if (algorithm === undefined)
    throw new RangeError("holds a key of another kind than ECDSA P-256, P-384, P-521 or RSA");
  return {
    signer: readSigner(publicPem(publicKey)),
    sign: (text) => sign(algorithm.hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }),
  };
}

function privateKeyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new RangeError("holds no readable private key; give it unencrypted in PEM form");
  }
}

/** Nothing but public material is read: a private key would give its public half. */
function readPublicKey(pem: string): KeyObject | undefined {
  if (/PRIVATE KEY/.test(pem)) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function publicPem(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}

function isFor(certificatePem: string, key: KeyObject): boolean {
  try {
    return new X509Certificate(certificatePem).publicKey.equals(key);
  } catch {
    return false;
  }
}
