import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { AuthorityName, Etag, Sha256Thumbprint } from "../../domain/ids";
import { parseInstant, instant } from "../../domain/instant";
import type { Authority, AuthorityCertificate } from "../../ports/authorities";
import { toPem } from "../x509/pem";

/** What the product needs of ARM's certificate (API 2022-02-05), as the SDK hands it on. */
const CertificateResource = z.object({
  name: AuthorityName,
  etag: Etag,
  properties: z.object({
    isVerified: z.boolean().nullish(),
    certificate: z.instanceof(Uint8Array).nullish(),
  }),
});

/** The answer to a request for a verification code. */
export const VerificationCodeAnswer = z.object({
  etag: Etag,
  properties: z.object({ verificationCode: z.string().min(1) }),
});

/** The product's view of a certificate; undefined for what has not ARM's documented form. */
export function toAuthority(resource: unknown): Authority | undefined {
  const read = CertificateResource.safeParse(resource);
  if (!read.success) return undefined;
  const { name, etag, properties } = read.data;
  return {
    name,
    etag,
    isVerified: properties.isVerified ?? false,
    certificate: readCertificate(properties.certificate ?? undefined),
  };
}

function readCertificate(bytes: Uint8Array | undefined): AuthorityCertificate | undefined {
  const pem = pemOf(bytes);
  if (pem === undefined) return undefined;
  try {
    const x509 = new X509Certificate(pem);
    return {
      sha256Thumbprint: Sha256Thumbprint.parse(x509.fingerprint256.replaceAll(":", "")),
      subject: distinguishedName(x509.subject),
      issuer: distinguishedName(x509.issuer),
      notBefore: parseInstant(x509.validFrom) ?? instant(0),
      notAfter: parseInstant(x509.validTo) ?? instant(0),
      pem,
    };
  } catch {
    return undefined;
  }
}

/** Node.js writes a line per part, the widest first; RFC 4514 has it the other way round. */
function distinguishedName(lines: string): string {
  return lines.split("\n").reverse().join(",");
}

/** ARM hands back what was uploaded: DER, PEM text, or base64 text of DER. */
function pemOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  const buffer = Buffer.from(bytes);
  if (buffer[0] === 0x30) return toPem(buffer);
  const text = buffer.toString("utf8");
  if (text.includes("-----BEGIN")) return text;
  const decoded = Buffer.from(text, "base64");
  return decoded[0] === 0x30 ? toPem(decoded) : undefined;
}
