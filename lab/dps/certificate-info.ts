import { createHash, X509Certificate } from "node:crypto";
import { wholeSeconds } from "./times";

/** What DPS tells about a certificate it holds; the certificate itself it never gives back. */
export interface CertificateInfo {
  readonly subjectName: string;
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly issuerName: string;
  readonly notBeforeUtc: string;
  readonly notAfterUtc: string;
  readonly serialNumber: string;
  readonly version: number;
}

/** A certificate read once, with what matching compares. */
export interface ReadCertificate {
  readonly x509: X509Certificate;
  readonly der: Buffer;
  readonly sha256Thumbprint: string;
  /** Undefined when the subject has none. */
  readonly commonName: string | undefined;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Reads DER or PEM (of a chain the first); undefined when it is no certificate. */
export function readCertificate(bytes: Buffer): ReadCertificate | undefined {
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(bytes);
  } catch {
    return undefined;
  }
  const der = x509.raw;
  const [notBefore, notAfter] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
  if (Number.isNaN(notBefore) || Number.isNaN(notAfter)) return undefined;
  return {
    x509,
    der,
    sha256Thumbprint: createHash("sha256").update(der).digest("hex").toUpperCase(),
    commonName: commonNameOf(x509.subject),
    notBefore,
    notAfter,
  };
}

/** Reads what a request carries: PEM text, or base64 of DER or of PEM. */
export function readCertificateText(text: string): ReadCertificate | undefined {
  if (text.includes("-----BEGIN")) return readCertificate(Buffer.from(text, "utf8"));
  const compact = text.replace(/\s+/g, "");
  if (compact === "" || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return undefined;
  return readCertificate(Buffer.from(compact, "base64"));
}

export function certificateInfo(certificate: ReadCertificate): CertificateInfo {
  const { x509 } = certificate;
  return {
    subjectName: nameOf(x509.subject),
    sha1Thumbprint: createHash("sha1").update(certificate.der).digest("hex").toUpperCase(),
    sha256Thumbprint: certificate.sha256Thumbprint,
    issuerName: nameOf(x509.issuer),
    notBeforeUtc: wholeSeconds(certificate.notBefore),
    notAfterUtc: wholeSeconds(certificate.notAfter),
    serialNumber: x509.serialNumber,
    version: versionOf(certificate.der),
  };
}

/** Whether `issuer` is an authority and signed `subject`. */
export function isIssuedBy(subject: ReadCertificate, issuer: ReadCertificate): boolean {
  try {
    return issuer.x509.ca && subject.x509.checkIssued(issuer.x509) && subject.x509.verify(issuer.x509.publicKey);
  } catch {
    return false; // a key or algorithm that OpenSSL cannot use signs nothing
  }
}

/** Node gives a name as lines, most general first or last as encoded; an absent name as undefined. */
function nameOf(lines: string | undefined): string {
  return (lines ?? "").split("\n").join(", ");
}

/** The last CN of the subject, which is the most specific; whole lines, so that `O=CN=x` is no common name. */
function commonNameOf(lines: string | undefined): string | undefined {
  const names = (lines ?? "").split("\n").filter((part) => part.startsWith("CN="));
  return names.at(-1)?.slice(3).replaceAll("\\", "");
}

/** X.509 version from `[0] EXPLICIT`, which version 1 leaves out (RFC 5280 §4.1.2.1); Node does not tell it. */
function versionOf(der: Buffer): number {
  const inner = 2 + lengthOctets(der[1] ?? 0);
  const first = inner + 2 + lengthOctets(der[inner + 1] ?? 0);
  return der[first] === 0xa0 ? (der[first + 4] ?? 0) + 1 : 1;
}

function lengthOctets(byte: number): number {
  return byte < 0x80 ? 0 : byte & 0x7f;
}
