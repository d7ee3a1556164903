import { RollError } from "../../domain/roll-error";
import type { Warning } from "../../domain/roll/device-row";
import { parseCertificate, type ReadCertificate } from "../x509/certificate-facts";
import { signedCertificate, toBeSigned, type CertificateTemplate } from "../x509/certificate-builder";
import { readPem, toPem } from "../x509/pem";
import { signatureAlgorithmOf, type SignatureAlgorithm } from "./signature-algorithm";

/** A CA whose key the app may use, wherever that key is. */
export interface AuthorityKey {
  /** The CA first, then what was given above it. */
  readonly certificates: readonly [ReadCertificate, ...ReadCertificate[]];
  readonly algorithm: SignatureAlgorithm;
  readonly warnings: readonly Warning[];
  /** The signature over these bytes as certificates carry it. Throws `RollError` when the key's keeper does not answer. */
  sign(bytes: Buffer): Promise<Buffer>;
}

/**
 * Reads the PEM of a CA and what is above it. Throws `RangeError`, saying what to give instead, for text that does not
 * begin with a CA certificate over an ECDSA (P-256, P-384, P-521) or RSA key.
 */
export function readAuthority(pem: string): Pick<AuthorityKey, "certificates" | "algorithm"> {
  const reading = readPem(pem);
  if (reading.outcome !== "certificates")
    throw new RangeError("holds no readable certificate; give the CA in PEM form, then each CA above it");
  const [first, ...above] = reading.der.map((der) => parseCertificate(der));
  if (first === undefined || above.includes(undefined))
    throw new RangeError("holds a certificate that cannot be parsed");
  const { isAuthority, keyUsage } = first.facts;
  if (!isAuthority || keyUsage?.includes("keyCertSign") === false)
    throw new RangeError("does not begin with a CA certificate that may sign others; put the CA first");
  const algorithm = signatureAlgorithmOf(first.x509.publicKey);
  if (algorithm === undefined)
    throw new RangeError("begins with a CA over a key of another kind than ECDSA P-256, P-384, P-521 or RSA");
  return { certificates: [first, ...above.filter((certificate) => certificate !== undefined)], algorithm };
}

/** Makes a certificate and checks it: what leaves this function verifies with the CA's certificate. */
export async function signCertificate(
  key: AuthorityKey,
  template: Omit<CertificateTemplate, "issuer">,
): Promise<ReadCertificate> {
  const [authority] = key.certificates;
  const issuer = { subjectDer: authority.subjectDer, subjectKeyId: authority.facts.subjectKeyId };
  const bytes = toBeSigned({ ...template, issuer }, key.algorithm.identifier);
  const certificate = parseCertificate(signedCertificate(bytes, key.algorithm.identifier, await key.sign(bytes)));
  if (certificate?.x509.verify(authority.x509.publicKey) !== true) {
    const what = `the key does not belong to the certificate of "${authority.facts.subject}"`;
    throw new RollError("service-answer-unreadable", `the CA's signature does not verify: ${what}`, false);
  }
  return certificate;
}

/** What a device presents above its leaf: the CAs without the root, which the other side has. */
export function presentedAbove(certificates: readonly ReadCertificate[]): string {
  return certificates
    .filter(({ namesItself }) => !namesItself)
    .map(({ x509 }) => toPem(x509.raw))
    .join("");
}
