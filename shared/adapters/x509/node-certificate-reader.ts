import { verify, X509Certificate } from "node:crypto";
import type { CertificateReader, Chain, ChainReading, TrustedAuthority } from "../../ports/certificates";
import { parseCertificate, type ReadCertificate } from "./certificate-facts";
import { readPem, toPem } from "./pem";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Reads certificates with node:crypto. Pure in its effects: nothing of the input is kept but what it answers. */
export const nodeCertificateReader: CertificateReader = {
  readChain(pem): ChainReading {
    const reading = readPem(pem);
    if (reading.outcome !== "certificates") return reading;
    const certificates: ReadCertificate[] = [];
    for (const der of reading.der) {
      const certificate = parseCertificate(der);
      if (certificate === undefined)
        return { outcome: "unreadable", detail: `certificate ${certificates.length + 1} cannot be parsed` };
      certificates.push(certificate);
    }
    const [leaf, ...issuers] = certificates;
    if (leaf === undefined) return { outcome: "unreadable", detail: "no certificate" };
    return { outcome: "read", chain: chain(leaf, issuers) };
  },

  verifySignature(pem, text, signature): boolean {
    const reading = readPem(pem);
    const der = reading.outcome === "certificates" ? reading.der[0] : undefined;
    if (der === undefined || signature === "" || !BASE64.test(signature)) return false;
    try {
      const key = new X509Certificate(der).publicKey;
      if (key.asymmetricKeyType !== "ec" && key.asymmetricKeyType !== "rsa") return false;
      return verify("sha256", Buffer.from(text, "utf8"), key, Buffer.from(signature, "base64"));
    } catch {
      return false;
    }
  },
};

function chain(leaf: ReadCertificate, issuers: readonly ReadCertificate[]): Chain {
  const all = [leaf, ...issuers];
  const linked = all.every((certificate, at) => {
    const next = all[at + 1];
    return next === undefined || isSignedBy(certificate, next);
  });
  const last = issuers.at(-1) ?? leaf;
  return {
    leaf: leaf.facts,
    issuers: issuers.map(({ facts }) => facts),
    linked,
    // Not checkIssued: OpenSSL wants keyCertSign in the issuer's key usage, which a self-signed leaf has no need of.
    selfSigned: leaf.namesItself && keySigned(leaf, leaf),
    anchoredIn(authorities) {
      // A broken chain leads nowhere, whatever stands at its end.
      if (!linked) return undefined;
      for (const trusted of authorities) {
        const authority = authorityOf(trusted);
        if (authority === undefined) continue;
        if (stands(authority, issuers) || isSignedBy(last, authority))
          return { name: trusted.name, facts: authority.facts };
      }
      return undefined;
    },
    chainsTo(caSha256, known) {
      if (!linked) return false;
      if (issuers.some(({ facts }) => facts.sha256Thumbprint === caSha256)) return true;
      return leadsTo(
        last,
        caSha256,
        known.map(authorityOf).filter((authority) => authority !== undefined),
      );
    },
    pem: all.map(({ x509 }) => toPem(x509.raw)).join(""),
  };
}

function stands(authority: ReadCertificate, among: readonly ReadCertificate[]): boolean {
  return among.some(({ x509 }) => x509.raw.equals(authority.x509.raw));
}

/** Walks upwards from `certificate`; each authority is looked at once, so that CAs which signed each other end the walk. */
function leadsTo(certificate: ReadCertificate, caSha256: string, known: readonly ReadCertificate[]): boolean {
  // What signed itself has nothing above: another certificate over the same name and key is another CA.
  if (certificate.namesItself && keySigned(certificate, certificate)) return false;
  const above = known.filter((authority) => isSignedBy(certificate, authority));
  if (above.some(({ facts }) => facts.sha256Thumbprint === caSha256)) return true;
  const rest = known.filter((authority) => !above.includes(authority));
  return above.some((authority) => leadsTo(authority, caSha256, rest));
}

/**
 * Names `issuer` and is signed by its key. The issuer must be an authority (RFC 5280 §6.1.4 (k)): otherwise any device
 * could issue certificates with its leaf's key.
 */
function isSignedBy(certificate: ReadCertificate, issuer: ReadCertificate): boolean {
  return issuer.facts.isAuthority && certificate.x509.checkIssued(issuer.x509) && keySigned(certificate, issuer);
}

function keySigned(certificate: ReadCertificate, issuer: ReadCertificate): boolean {
  try {
    return certificate.x509.verify(issuer.x509.publicKey);
  } catch {
    return false; // a key of a kind that this Node.js cannot use
  }
}

/** A roll asks for the same few authorities once per device, and parsing is the slow part. */
const parsedAuthorities = new WeakMap<TrustedAuthority, { readonly certificate: ReadCertificate | undefined }>();

function authorityOf(trusted: TrustedAuthority): ReadCertificate | undefined {
  const known = parsedAuthorities.get(trusted);
  if (known !== undefined) return known.certificate;
  const reading = readPem(trusted.certificatePem);
  const der = reading.outcome === "certificates" ? reading.der[0] : undefined;
  const certificate = der === undefined ? undefined : parseCertificate(der);
  parsedAuthorities.set(trusted, { certificate });
  return certificate;
}
