import { createHash } from "node:crypto";
import type { CertificateProfile } from "../../domain/certificate/profile";
import { KEY_USAGES, type KeyUsage } from "../../domain/certificate/facts";
import type { Instant } from "../../domain/instant";
import { derTag, openDer, readDer } from "./der-reader";
import {
  derBits,
  derBoolean,
  derObjectIdentifier,
  derOctets,
  derSequence,
  derTime,
  derUnsigned,
  derValue,
} from "./der-writer";
import { extensionIds } from "./extensions";

/** What stands in a certificate before it is signed (TBSCertificate, RFC 5280 §4.1). */
export interface CertificateTemplate {
  /** Upper-case hex. */
  readonly serialNumber: string;
  /** DER of the issuer's name and its subject key identifier, where it has one. */
  readonly issuer: { readonly subjectDer: Buffer; readonly subjectKeyId: string | undefined };
  /** The organization stands before the common name, as the wider term. */
  readonly subject: { readonly commonName: string; readonly organization?: string | undefined };
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** SubjectPublicKeyInfo. */
  readonly publicKeyDer: Buffer;
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: CertificateProfile["extendedKeyUsage"];
  /** Subject alternative name of type URI. */
  readonly uri?: string | undefined;
}

/** The bytes that the issuer signs: version 3, an end entity. `algorithm` is the DER of the AlgorithmIdentifier. */
export function toBeSigned(template: CertificateTemplate, algorithm: Buffer): Buffer {
  return derSequence(
    derValue(0xa0, derUnsigned(Buffer.from([2]))),
    derUnsigned(Buffer.from(template.serialNumber, "hex")),
    algorithm,
    template.issuer.subjectDer,
    derSequence(derTime(template.notBefore), derTime(template.notAfter)),
    subjectName(template.subject),
    template.publicKeyDer,
    derValue(0xa3, derSequence(...extensions(template))),
  );
}

/** The certificate: what was signed, how, and the signature. */
export function signedCertificate(signedBytes: Buffer, algorithm: Buffer, signature: Buffer): Buffer {
  return derSequence(signedBytes, algorithm, derBits(signature));
}

function subjectName({ commonName, organization }: CertificateTemplate["subject"]): Buffer {
  const attribute = (oid: string, text: string): Buffer =>
    derValue(derTag.set, derSequence(derObjectIdentifier(oid), derValue(0x0c, Buffer.from(text, "utf8"))));
  const parts = organization === undefined ? [] : [attribute("2.5.4.10", organization)];
  return derSequence(...parts, attribute("2.5.4.3", commonName));
}

function extensions({ issuer, publicKeyDer, keyUsage, extendedKeyUsage, uri }: CertificateTemplate): Buffer[] {
  const list = [
    // CA is false by absence (DER leaves defaults out).
    extension(extensionIds.basicConstraints, true, derSequence()),
    extension(extensionIds.keyUsage, true, keyUsageBits(keyUsage)),
    extension(extensionIds.extendedKeyUsage, false, derSequence(...extendedKeyUsage.map(derObjectIdentifier))),
    extension(extensionIds.subjectKeyId, false, derOctets(keyIdentifier(publicKeyDer))),
  ];
  if (issuer.subjectKeyId !== undefined) {
    const id = derValue(0x80, Buffer.from(issuer.subjectKeyId, "hex"));
    list.push(extension(extensionIds.authorityKeyId, false, derSequence(id)));
  }
  if (uri !== undefined) {
    const name = derValue(0x86, Buffer.from(uri, "ascii"));
    list.push(extension(extensionIds.subjectAltName, false, derSequence(name)));
  }
  return list;
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return derSequence(derObjectIdentifier(oid), ...(critical ? [derBoolean(true)] : []), derOctets(value));
}

/** A named bit list; DER wants zero bits at its end cut off. */
function keyUsageBits(usages: readonly KeyUsage[]): Buffer {
  const places = usages.map((usage) => KEY_USAGES.indexOf(usage));
  const last = Math.max(...places);
  const bytes = Buffer.alloc((last >> 3) + 1);
  for (const at of places) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (0x80 >> (at & 7));
  return derBits(bytes, 7 - (last & 7));
}

/** RFC 7093 §2 method (1): the first 160 bits of the SHA-256 of the key's bits. */
function keyIdentifier(publicKeyDer: Buffer): Buffer {
  const bits = openDer(readDer(publicKeyDer)[0], derTag.sequence)[1]?.contents.subarray(1);
  if (bits === undefined) throw new RangeError("no public key");
  return createHash("sha256").update(bits).digest().subarray(0, 20);
}
