import { createHash, X509Certificate } from "node:crypto";
import { wholeSeconds } from "./times";
import { readX509, type X509Fields } from "./x509-reader";

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
export interface ReadCertificate extends X509Fields {
  readonly sha256Thumbprint: string;
}

/** Reads DER or PEM (of a chain the first); undefined when it is no certificate. */
export function readCertificate(bytes: Buffer): ReadCertificate | undefined {
  const fields = readX509(bytes[0] === 0x30 ? bytes : derOf(bytes.toString("latin1")));
  if (!fields) return undefined;
  const sha256Thumbprint = createHash("sha256").update(fields.der).digest("hex").toUpperCase();
  return { ...fields, sha256Thumbprint };
}

/** Reads what a request carries: PEM text, or base64 of DER or of PEM. */
export function readCertificateText(text: string): ReadCertificate | undefined {
  if (text.includes("-----BEGIN")) return readCertificate(derOf(text));
  const compact = text.replace(/\s+/g, "");
  if (compact === "" || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return undefined;
  return readCertificate(Buffer.from(compact, "base64"));
}

/** What the service API shows of a certificate. */
export function certificateInfo(certificate: ReadCertificate): CertificateInfo {
  return {
    subjectName: certificate.subjectName,
    sha1Thumbprint: createHash("sha1").update(certificate.der).digest("hex").toUpperCase(),
    sha256Thumbprint: certificate.sha256Thumbprint,
    issuerName: certificate.issuerName,
    notBeforeUtc: wholeSeconds(certificate.notBefore),
    notAfterUtc: wholeSeconds(certificate.notAfter),
    serialNumber: certificate.serialNumber,
    version: certificate.version,
  };
}

/** The certificate as PEM, one block, with a final newline. */
export function pemOf(certificate: ReadCertificate): string {
  const lines = certificate.der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

const decoded = new WeakMap<ReadCertificate, X509Certificate | null>();

/** Whether `issuer` is an authority and signed `subject`. */
export function isIssuedBy(subject: ReadCertificate, issuer: ReadCertificate): boolean {
  if (subject.issuerName !== issuer.subjectName) return false;
  const [below, above] = [decode(subject), decode(issuer)];
  try {
    return below !== null && above !== null && above.ca && below.checkIssued(above) && below.verify(above.publicKey);
  } catch {
    return false; // a key or algorithm that OpenSSL cannot use signs nothing
  }
}

/** Node's own certificate, made only where a signature is in question. */
function decode(certificate: ReadCertificate): X509Certificate | null {
  const known = decoded.get(certificate);
  if (known !== undefined) return known;
  let made: X509Certificate | null;
  try {
    made = new X509Certificate(certificate.der);
  } catch {
    made = null;
  }
  decoded.set(certificate, made);
  return made;
}

/** The DER in the first PEM block; empty when there is none. */
function derOf(pem: string): Buffer {
  const body = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END/.exec(pem)?.[1];
  return Buffer.from(body ?? "", "base64");
}
