import { createPublicKey, verify, type KeyObject } from "node:crypto";
import type { RequestFacts, RequestReading } from "../../domain/certificate/issuance";
import { canonicalKey, keyFacts, publicKeySha256, signatureHash } from "./certificate-facts";
import { derTag, openDer, readDer, type DerValue } from "./der-reader";
import { readName } from "./names";
import { readRequestPem } from "./pem";

/** A PKCS #10 request (RFC 2986) as read. */
export interface CertificateRequest extends RequestFacts {
  readonly der: Buffer;
  /** SubjectPublicKeyInfo as this product writes it, whatever the request's own spelling. */
  readonly publicKeyDer: Buffer;
}

const STRONG_HASHES = new Set(["sha256", "sha384", "sha512"]);

/** Reads a request; nothing of its attributes, so that a device cannot ask for more than a certificate over its key. */
export function readRequest(pem: string): RequestReading<CertificateRequest> {
  const reading = readRequestPem(pem);
  if (reading.outcome !== "request") return reading;
  try {
    return { outcome: "read", request: parse(reading.der) };
  } catch {
    return { outcome: "unreadable", detail: "the request cannot be parsed" };
  }
}

function parse(der: Buffer): CertificateRequest {
  const [outer, ...rest] = readDer(der);
  const [info, algorithm, signature] = openDer(outer, derTag.sequence);
  const [, subject, publicKey] = openDer(info, derTag.sequence);
  if (!info || !subject || !publicKey || !algorithm || !signature || rest.length > 0)
    throw new RangeError("no certificate request");
  const key = createPublicKey({ key: publicKey.whole, format: "der", type: "spki" });
  return {
    der,
    commonName: readName(subject).commonName,
    publicKey: keyFacts(key),
    publicKeySha256: publicKeySha256(key),
    publicKeyDer: canonicalKey(key),
    signatureHolds: signedBy(key, info, algorithm, signature),
  };
}

function signedBy(key: KeyObject, info: DerValue, algorithm: DerValue, signature: DerValue): boolean {
  const hash = signatureHash(algorithm);
  if (hash === undefined || !STRONG_HASHES.has(hash) || signature.tag !== derTag.bitString) return false;
  if (key.asymmetricKeyType !== "ec" && key.asymmetricKeyType !== "rsa") return false;
  try {
    // The first octet counts unused bits: signatures have none.
    return verify(hash, info.whole, key, signature.contents.subarray(1));
  } catch {
    return false;
  }
}
