import { createPrivateKey, X509Certificate } from "node:crypto";
import { z } from "zod";
import { createIntermediate, createRoot } from "../pki/certificates";
import type { CertificateAuthority } from "../pki/certificates";

/** Who signs in a lab: `root` the services' certificates and `issuer`, and that one the devices' leaves. */
export interface LabAuthorities {
  readonly root: CertificateAuthority;
  readonly issuer: CertificateAuthority;
}

/** Authorities that nobody has seen before. */
export function newAuthorities(): LabAuthorities {
  const root = createRoot({ commonName: "Rollcall lab root" });
  return { root, issuer: createIntermediate({ commonName: "Rollcall lab devices", issuer: root }) };
}

const authorityFile = z.object({ certificatePem: z.string(), privateKeyPem: z.string() });
const authoritiesFile = z.object({ root: authorityFile, issuer: authorityFile });

/** As JSON, private keys included. */
export function authoritiesToJson({ root, issuer }: LabAuthorities): string {
  const pems = ({ certificatePem, privateKeyPem }: CertificateAuthority) => ({ certificatePem, privateKeyPem });
  return JSON.stringify({ root: pems(root), issuer: pems(issuer) });
}

/** Takes back what `authoritiesToJson` answered. Throws when it is something else. */
export function authoritiesFromJson(text: string): LabAuthorities {
  const { root, issuer } = authoritiesFile.parse(JSON.parse(text));
  return { root: restored(root, "root"), issuer: restored(issuer, "intermediate") };
}

function restored(
  { certificatePem, privateKeyPem }: z.output<typeof authorityFile>,
  role: CertificateAuthority["role"],
): CertificateAuthority {
  const certificate = new X509Certificate(certificatePem);
  return {
    role,
    certificatePem,
    privateKeyPem,
    der: certificate.raw,
    chainPem: role === "root" ? "" : certificatePem, // roots are not presented
    commonName: certificate.subject.replace(/^CN=/, ""),
    sha256Thumbprint: certificate.fingerprint256.replaceAll(":", ""),
    sha1Thumbprint: certificate.fingerprint.replaceAll(":", ""),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    spkiDer: certificate.publicKey.export({ type: "spki", format: "der" }),
    signingKey: createPrivateKey(privateKeyPem),
  };
}
