import { createPublicKey, X509Certificate } from "node:crypto";

/** A private key and the certificates it is presented with: the leaf first, then every intermediate, never the root. */
export interface DeviceCredential {
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

/** What a leaf says about itself. */
export interface LeafFacts {
  /** SHA-256 over the DER, upper-case hex without colons, as IoT Hub shows it. */
  readonly sha256Thumbprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Reads the first certificate of a PEM chain.
 * @throws Error when there is none.
 */
export function leafFacts(chainPem: string): LeafFacts {
  const leaf = new X509Certificate(chainPem);
  return {
    sha256Thumbprint: leaf.fingerprint256.replaceAll(":", ""),
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
  };
}

const known = new WeakMap<DeviceCredential, LeafFacts>();

/** As `leafFacts`, read once per credential: every heartbeat tells them, and reading a certificate is no small work. */
export function factsOf(credential: DeviceCredential): LeafFacts {
  const facts = known.get(credential) ?? leafFacts(credential.chainPem);
  known.set(credential, facts);
  return facts;
}

/** Whether the leaf of `chainPem` was made for this private key. False as well when the PEM is no certificate. */
export function isLeafOf(chainPem: string, privateKeyPem: string): boolean {
  try {
    const certified = new X509Certificate(chainPem).publicKey.export({ type: "spki", format: "der" });
    return certified.equals(createPublicKey(privateKeyPem).export({ type: "spki", format: "der" }));
  } catch {
    return false;
  }
}
