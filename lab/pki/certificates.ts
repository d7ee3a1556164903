import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { bitString, commonNameOnly, extension, objectIdentifier, sequence, time, tlv, unsignedInteger } from "./der";

/** A P-256 key. */
export interface KeyPair {
  /** PKCS #8. */
  readonly privateKeyPem: string;
  /** SubjectPublicKeyInfo. */
  readonly spkiDer: Buffer;
}

/** A certificate of the lab with the key it is for. */
export interface LabCertificate {
  /** One certificate, ends with a newline, so that certificates may be concatenated. */
  readonly certificatePem: string;
  readonly der: Buffer;
  readonly privateKeyPem: string;
  /** This certificate and its intermediates, without the root: what a device presents in a TLS handshake. */
  readonly chainPem: string;
  readonly commonName: string;
  /** Upper-case hex without colons, 64 digits. */
  readonly sha256Thumbprint: string;
  /** Upper-case hex without colons, 40 digits. */
  readonly sha1Thumbprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A certificate that may sign others. A root's `chainPem` is empty: roots are not presented. */
export type CertificateAuthority = LabCertificate & {
  readonly role: "root" | "intermediate";
  readonly spkiDer: Buffer;
  readonly signingKey: KeyObject;
};

/** Validity of a certificate; whole seconds count. */
export interface Validity {
  /** Default: five minutes ago, so that a device whose clock lags is not refused. */
  readonly notBefore?: Date;
  /** Default: 90 days from now for leaves, ten years for authorities. */
  readonly notAfter?: Date;
}

const oids = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAlternativeName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
};
const signatureAlgorithm = sequence(objectIdentifier(oids.ecdsaWithSha256));
const dayMs = 86_400_000;

/** A fresh P-256 key. */
export function generateKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "der" },
  });
  return { privateKeyPem: privateKey, spkiDer: publicKey };
}

/** A self-signed authority. */
export function createRoot(o: { commonName: string; keyPair?: KeyPair } & Validity): CertificateAuthority {
  const keyPair = o.keyPair ?? generateKeyPair();
  const signingKey = createPrivateKey(keyPair.privateKeyPem);
  const certificate = build({
    commonName: o.commonName,
    keyPair,
    issuer: { commonName: o.commonName, spkiDer: keyPair.spkiDer, signingKey },
    ...validity(o, 3650),
    extensions: authorityExtensions(),
  });
  return { ...certificate, chainPem: "", role: "root", spkiDer: keyPair.spkiDer, signingKey };
}

/** An authority below `issuer`; by default it ends no later. */
export function createIntermediate(
  o: { commonName: string; issuer: CertificateAuthority; keyPair?: KeyPair } & Validity,
): CertificateAuthority {
  const keyPair = o.keyPair ?? generateKeyPair();
  const certificate = build({
    commonName: o.commonName,
    keyPair,
    issuer: o.issuer,
    // Made a second later it would outlive its issuer by that second, and rightly be refused for it.
    ...validity({ notAfter: earlier(o.issuer.notAfter, new Date(Date.now() + 3650 * dayMs)), ...o }, 3650),
    extensions: authorityExtensions(),
  });
  const signingKey = createPrivateKey(keyPair.privateKeyPem);
  return {
    ...certificate,
    chainPem: certificate.certificatePem + o.issuer.chainPem,
    role: "intermediate",
    spkiDer: keyPair.spkiDer,
    signingKey,
  };
}

/** A device certificate (extended key usage clientAuth) below `issuer`. */
export function issueLeaf(
  o: { commonName: string; issuer: CertificateAuthority; keyPair?: KeyPair } & Validity,
): LabCertificate {
  const certificate = build({
    commonName: o.commonName,
    keyPair: o.keyPair ?? generateKeyPair(),
    issuer: o.issuer,
    ...validity(o, 90),
    extensions: leafExtensions(oids.clientAuth),
  });
  return { ...certificate, chainPem: certificate.certificatePem + o.issuer.chainPem };
}

/** A device certificate that vouches for itself. */
export function selfSignedLeaf(o: { commonName: string; keyPair?: KeyPair } & Validity): LabCertificate {
  const keyPair = o.keyPair ?? generateKeyPair();
  const signingKey = createPrivateKey(keyPair.privateKeyPem);
  return build({
    commonName: o.commonName,
    keyPair,
    issuer: { commonName: o.commonName, spkiDer: keyPair.spkiDer, signingKey },
    ...validity(o, 90),
    extensions: leafExtensions(oids.clientAuth),
  });
}

/** A TLS server certificate; the first DNS name is its common name, `ipAddresses` are IPv4. */
export function issueServerCertificate(
  o: { issuer: CertificateAuthority; dnsNames: string[]; ipAddresses?: string[] } & Validity,
): LabCertificate {
  const names = [
    ...o.dnsNames.map((name) => tlv(0x82, Buffer.from(name, "ascii"))),
    ...(o.ipAddresses ?? []).map((address) => tlv(0x87, Buffer.from(address.split(".").map(Number)))),
  ];
  const certificate = build({
    commonName: o.dnsNames[0] ?? "localhost",
    keyPair: generateKeyPair(),
    issuer: o.issuer,
    ...validity(o, 365),
    extensions: [...leafExtensions(oids.serverAuth), extension(oids.subjectAlternativeName, false, sequence(...names))],
  });
  return { ...certificate, chainPem: certificate.certificatePem + o.issuer.chainPem };
}

interface Template {
  readonly commonName: string;
  readonly keyPair: KeyPair;
  readonly issuer: Pick<CertificateAuthority, "commonName" | "spkiDer" | "signingKey">;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: Buffer[];
}

function build(template: Template): LabCertificate {
  const { keyPair, issuer, notBefore, notAfter } = template;
  const serialNumber = randomBytes(16);
  // 0x40..0x7f: positive and never shortened, so that every serial number has 32 hex digits.
  serialNumber[0] = ((serialNumber[0] ?? 0) & 0x3f) | 0x40;
  const toBeSigned = sequence(
    tlv(0xa0, unsignedInteger(Buffer.from([2]))),
    unsignedInteger(serialNumber),
    signatureAlgorithm,
    commonNameOnly(issuer.commonName),
    sequence(time(notBefore), time(notAfter)),
    commonNameOnly(template.commonName),
    keyPair.spkiDer,
    tlv(
      0xa3,
      sequence(
        ...template.extensions,
        extension(oids.subjectKeyIdentifier, false, tlv(4, keyIdentifier(keyPair.spkiDer))),
        extension(oids.authorityKeyIdentifier, false, sequence(tlv(0x80, keyIdentifier(issuer.spkiDer)))),
      ),
    ),
  );
  const der = sequence(toBeSigned, signatureAlgorithm, bitString(sign("sha256", toBeSigned, issuer.signingKey)));
  const certificatePem = pem(der);
  return {
    certificatePem,
    der,
    privateKeyPem: keyPair.privateKeyPem,
    chainPem: certificatePem,
    commonName: template.commonName,
    sha256Thumbprint: createHash("sha256").update(der).digest("hex").toUpperCase(),
    sha1Thumbprint: createHash("sha1").update(der).digest("hex").toUpperCase(),
    notBefore,
    notAfter,
  };
}

function validity(o: Validity, days: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: wholeSeconds(o.notBefore ?? new Date(Date.now() - 5 * 60_000)),
    notAfter: wholeSeconds(o.notAfter ?? new Date(Date.now() + days * dayMs)),
  };
}

function earlier(one: Date, other: Date): Date {
  return one < other ? one : other;
}

function wholeSeconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

function authorityExtensions(): Buffer[] {
  return [
    extension(oids.basicConstraints, true, sequence(tlv(1, Buffer.from([0xff])))),
    // keyCertSign and cRLSign: bits 5 and 6, one unused bit.
    extension(oids.keyUsage, true, tlv(3, Buffer.from([1, 0x06]))),
  ];
}

function leafExtensions(purpose: string): Buffer[] {
  return [
    extension(oids.basicConstraints, true, sequence()),
    // digitalSignature: bit 0, seven unused bits.
    extension(oids.keyUsage, true, tlv(3, Buffer.from([7, 0x80]))),
    extension(oids.extendedKeyUsage, false, sequence(objectIdentifier(purpose))),
  ];
}

/** Method (1) of RFC 5280 §4.2.1.2: SHA-1 of the public key's bits, which end a P-256 SubjectPublicKeyInfo. */
function keyIdentifier(spkiDer: Buffer): Buffer {
  return createHash("sha1").update(spkiDer.subarray(-65)).digest();
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
