import { createHash, createPublicKey, X509Certificate, type KeyObject } from "node:crypto";
import type { CertificateFacts, PublicKeyFacts } from "../../domain/certificate/facts";
import { Sha256Thumbprint } from "../../domain/ids";
import { instant, type Instant } from "../../domain/instant";
import { derTag, objectIdentifierText, openDer, readDer, type DerValue } from "./der-reader";
import { readExtensions } from "./extensions";
import { readName } from "./names";

const RSASSA_PSS = "1.2.840.113549.1.1.10";

/** Signature algorithms by object identifier (RFC 3279, RFC 4055, RFC 5758) and hashes (for RSASSA-PSS). */
const HASHES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.4", "md5"],
  ["1.2.840.113549.1.1.5", "sha1"],
  ["1.2.840.113549.1.1.14", "sha224"],
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
  ["1.2.840.10045.4.1", "sha1"],
  ["1.2.840.10045.4.3.1", "sha224"],
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
  ["1.3.14.3.2.26", "sha1"],
  ["2.16.840.1.101.3.4.2.4", "sha224"],
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
]);

/** A certificate with what was read from it. */
export interface ReadCertificate {
  readonly x509: X509Certificate;
  readonly facts: CertificateFacts;
  /** DER of the subject's name: what certificates that it signs have as issuer. */
  readonly subjectDer: Buffer;
  /** Subject and issuer are byte for byte the same name. */
  readonly namesItself: boolean;
}

/** Undefined for bytes that are no certificate, or that carry more than one: then their hash is not its thumbprint. */
export function parseCertificate(der: Buffer): ReadCertificate | undefined {
  try {
    const x509 = new X509Certificate(der);
    return x509.raw.equals(der) ? readCertificate(x509) : undefined;
  } catch {
    return undefined;
  }
}

/** Reads what the rules ask about. Throws for DER that is no certificate. */
function readCertificate(x509: X509Certificate): ReadCertificate {
  const parts = dissect(x509.raw);
  const key = publicKeyOf(x509);
  const subject = readName(parts.subject);
  const issuer = readName(parts.issuer);
  return {
    x509,
    subjectDer: parts.subject.whole,
    namesItself: parts.subject.whole.equals(parts.issuer.whole),
    facts: {
      sha256Thumbprint: Sha256Thumbprint.parse(x509.fingerprint256.replaceAll(":", "")),
      serialNumber: x509.serialNumber.replace(/^(?:00)+(?=..)/, ""),
      subject: subject.text,
      issuer: issuer.text,
      commonName: subject.commonName,
      issuerCommonName: issuer.commonName,
      notBefore: moment(x509.validFrom),
      notAfter: moment(x509.validTo),
      publicKeySha256: key === undefined ? sha256(parts.publicKey.whole) : publicKeySha256(key),
      publicKey: keyFacts(key),
      isAuthority: x509.ca,
      ...readExtensions(parts.extensions),
      signatureHash: signatureHash(parts.signatureAlgorithm),
    },
  };
}

interface Parts {
  readonly issuer: DerValue;
  readonly subject: DerValue;
  readonly publicKey: DerValue;
  readonly extensions: readonly DerValue[];
  readonly signatureAlgorithm: DerValue;
}

/** Certificate and TBSCertificate of RFC 5280 §4.1; the version is absent in version 1 certificates. */
function dissect(der: Buffer): Parts {
  const [toBeSigned, signatureAlgorithm] = openDer(readDer(der)[0], derTag.sequence);
  const fields = openDer(toBeSigned, derTag.sequence);
  const [, , issuer, , subject, publicKey, ...optional] = fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
  if (!issuer || !subject || !publicKey || !signatureAlgorithm) throw new RangeError("not a certificate");
  const wrapper = optional.find(({ tag }) => tag === 0xa3);
  const extensions = wrapper === undefined ? [] : openDer(readDer(wrapper.contents)[0], derTag.sequence);
  return { issuer, subject, publicKey, extensions, signatureAlgorithm };
}

/** Lower-case name of the hash in an AlgorithmIdentifier; undefined for algorithms without one, or unknown ones. */
export function signatureHash(algorithm: DerValue): string | undefined {
  const [identifier, parameters] = openDer(algorithm, derTag.sequence);
  const name = objectIdentifierText(identifier);
  if (name !== RSASSA_PSS) return HASHES.get(name);
  // RSASSA-PSS-params (RFC 4055 §3.1): [0] hashAlgorithm, SHA-1 where it is absent.
  const hash = openDer(parameters, derTag.sequence).find(({ tag }) => tag === 0xa0);
  if (hash === undefined) return "sha1";
  return HASHES.get(objectIdentifierText(openDer(readDer(hash.contents)[0], derTag.sequence)[0]));
}

/** SHA-256 of the key's SubjectPublicKeyInfo, upper-case hex: the same for the same key, however its point was written. */
export function publicKeySha256(key: KeyObject): string {
  return sha256(canonicalKey(key));
}

/** Undefined for a key of a kind that this Node.js cannot load. */
function publicKeyOf(x509: X509Certificate): KeyObject | undefined {
  try {
    return x509.publicKey;
  } catch {
    return undefined;
  }
}

/**
 * The same bytes for the same key: an elliptic-curve point may be written compressed or not, and a compromised key must
 * not pass for a new one because it was written the other way.
 */
export function canonicalKey(key: KeyObject): Buffer {
  const spki = { type: "spki", format: "der" } as const;
  if (key.asymmetricKeyType !== "ec") return key.export(spki);
  try {
    return createPublicKey({ key: key.export({ format: "jwk" }), format: "jwk" }).export(spki);
  } catch {
    return key.export(spki); // a curve without a JSON Web Key name
  }
}

export function keyFacts(key: KeyObject | undefined): PublicKeyFacts {
  const details = key?.asymmetricKeyDetails;
  if (key?.asymmetricKeyType === "ec") return { kind: "ec", curve: details?.namedCurve ?? "explicit parameters" };
  if (key?.asymmetricKeyType === "rsa") return { kind: "rsa", bits: details?.modulusLength ?? 0 };
  return { kind: "other", name: key?.asymmetricKeyType ?? "unknown" };
}

/** Validity in milliseconds; a moment before 1970 counts as 1970, which is as much in the past. */
function moment(text: string): Instant {
  const ms = Date.parse(text);
  if (!Number.isFinite(ms)) throw new RangeError("unreadable validity");
  return instant(Math.max(0, ms));
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex").toUpperCase();
}
