import { formatInstant, type Instant } from "../instant";
import type { Refusal } from "../roll/device-row";
import type { CertificateFacts, PublicKeyFacts } from "./facts";
import type { CertificatePolicy } from "./policy";

const HOUR_MS = 3_600_000;

/** What leaves and CAs are asked alike. Each answers the refusal, or undefined. */
export function validityFlaw(
  chain: readonly CertificateFacts[],
  policy: CertificatePolicy,
  now: Instant,
): Refusal | undefined {
  const [first] = chain;
  const early = chain.find(({ notBefore }) => notBefore > now);
  if (early !== undefined)
    return {
      code: "not-yet-valid",
      detail: `"${nameOf(early)}" is valid from ${formatInstant(early.notBefore)}; wait, or issue it with an earlier start`,
    };
  if (first === undefined || first.notAfter <= now)
    return {
      code: "expired",
      detail: `it expired at ${first === undefined ? "?" : formatInstant(first.notAfter)}; issue a new one`,
    };
  return first.notAfter < now + policy.minRemainingHours * HOUR_MS
    ? {
        code: "validity-too-short",
        detail: `it ends at ${formatInstant(first.notAfter)}, the policy wants ${policy.minRemainingHours} more hours; issue one that lasts longer`,
      }
    : undefined;
}

/** Keys and signatures of every certificate given, against the policy. */
export function weakness(chain: readonly CertificateFacts[], policy: CertificatePolicy): Refusal | undefined {
  for (const certificate of chain) {
    const why = weakKey(certificate.publicKey, policy);
    if (why !== undefined) return { code: "weak-key", detail: `"${nameOf(certificate)}" ${why}` };
    const { signatureHash } = certificate;
    if (signatureHash !== undefined && !policy.hashes.includes(signatureHash))
      return {
        code: "weak-signature",
        detail: `"${nameOf(certificate)}" is signed with ${signatureHash}; sign with ${policy.hashes.join(" or ")}`,
      };
  }
  return undefined;
}

/** A certificate that is valid for longer than one above it ends with a chain that nobody accepts. */
export function outlivesIssuer(certificate: CertificateFacts, above: readonly CertificateFacts[]): Refusal | undefined {
  const shortest = above.find((issuer) => issuer.notAfter < certificate.notAfter);
  return shortest === undefined
    ? undefined
    : {
        code: "outlives-issuer",
        detail: `it is valid until ${formatInstant(certificate.notAfter)}, its issuer "${nameOf(shortest)}" only until ${formatInstant(shortest.notAfter)}; issue it with a shorter validity, or renew the issuer first`,
      };
}

/** Whether a CA of the policy's list of test CAs stands in the chain or signed a certificate of it. */
export function fromTestAuthority(chain: readonly CertificateFacts[], policy: CertificatePolicy): boolean {
  const isTest = (name: string | undefined): boolean => name !== undefined && policy.testAuthorities.includes(name);
  return chain.some((certificate) => isTest(certificate.commonName) || isTest(certificate.issuerCommonName));
}

export function nameOf(certificate: CertificateFacts): string {
  return certificate.commonName ?? "(no common name)";
}

/** What is wrong with a key and what to use, as the end of a sentence; undefined if nothing is. */
export function weakKey(publicKey: PublicKeyFacts, policy: CertificatePolicy): string | undefined {
  switch (publicKey.kind) {
    case "rsa":
      return publicKey.bits < policy.minRsaBits
        ? `has an RSA key of ${publicKey.bits} bits; use at least ${policy.minRsaBits}`
        : undefined;
    case "ec":
      return policy.curves.includes(publicKey.curve)
        ? undefined
        : `uses curve ${publicKey.curve}; use ${policy.curves.join(" or ")}`;
    case "other":
      return `has a ${publicKey.name} key, which DPS does not document; use RSA or ECDSA`;
    default:
      return publicKey satisfies never;
  }
}
