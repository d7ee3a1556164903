import type { RegistrationId, Sha256Thumbprint } from "../ids";
import { formatInstant, type Instant } from "../instant";
import type { Refusal, Warning } from "../roll/device-row";
import type { CertificateFacts } from "./facts";

/** A replacement as read, with everything the rules ask about it already looked up. */
export interface Candidate {
  readonly leaf: CertificateFacts;
  readonly issuers: readonly CertificateFacts[];
  /** Every certificate is signed by the next. */
  readonly linked: boolean;
  readonly selfSigned: boolean;
  /** Name of the verified CA of this DPS that the chain reaches. */
  readonly anchor: string | undefined;
}

export interface ReplacementContext {
  readonly registrationId: RegistrationId;
  /** Thumbprints that the roll cuts off. */
  readonly bad: readonly Sha256Thumbprint[];
  /** SHA-256 of the compromised public key, where the alert brought the old certificate. */
  readonly compromisedKey: string | undefined;
  /** Keys of other devices' replacements in the same request. */
  readonly keysOfOthers: ReadonlySet<string>;
  readonly now: Instant;
}

type Rule = (candidate: Candidate, context: ReplacementContext) => Refusal | undefined;

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const STRONG_CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const WEAK_HASHES = new Set(["md5", "sha1"]);
const MIN_RSA_BITS = 2048;

/** The rules, most telling first: the first that speaks names the refusal. */
const rules: readonly Rule[] = [
  // The same name keeps the same registration and the same hub device; another would create a second one.
  ({ leaf }, { registrationId }) =>
    leaf.commonName?.toLowerCase() === registrationId
      ? undefined
      : {
          code: "common-name-differs",
          detail: `the replacement's common name is "${leaf.commonName ?? "(none)"}", expected "${registrationId}"; issue a leaf for this registration id`,
        },

  ({ leaf }) =>
    leaf.isAuthority
      ? { code: "not-a-leaf", detail: "the first certificate is a CA certificate; send the device's leaf first" }
      : undefined,

  // A new certificate over the old key is as compromised as the old certificate.
  ({ leaf }, { bad, compromisedKey }) =>
    leaf.publicKeySha256 === compromisedKey || bad.includes(leaf.sha256Thumbprint)
      ? { code: "same-key", detail: "the replacement holds the compromised key; generate a new key on the device" }
      : undefined,

  ({ leaf }, { keysOfOthers }) =>
    keysOfOthers.has(leaf.publicKeySha256)
      ? { code: "key-shared", detail: "another device's replacement holds the same key; each device needs its own" }
      : undefined,

  ({ leaf }, { now }) =>
    leaf.notBefore > now
      ? { code: "not-yet-valid", detail: `the replacement is valid from ${formatInstant(leaf.notBefore)}` }
      : undefined,

  ({ leaf }, { now }) =>
    leaf.notAfter <= now
      ? { code: "expired", detail: `the replacement expired at ${formatInstant(leaf.notAfter)}` }
      : undefined,

  ({ leaf, issuers }) => weakness([leaf, ...issuers]),

  ({ leaf }) =>
    leaf.extendedKeyUsage === undefined || leaf.extendedKeyUsage.includes(CLIENT_AUTH)
      ? undefined
      : { code: "not-for-client-auth", detail: "the extended key usage lacks clientAuth (1.3.6.1.5.5.7.3.2)" },

  ({ linked }) =>
    linked
      ? undefined
      : {
          code: "chain-broken",
          detail: "a certificate is not signed by the next one; send leaf, then each intermediate",
        },

  ({ leaf, issuers }) => {
    const shortest = issuers.find((issuer) => issuer.notAfter < leaf.notAfter);
    return shortest === undefined
      ? undefined
      : {
          code: "outlives-issuer",
          detail: `the replacement is valid until ${formatInstant(leaf.notAfter)}, its issuer "${shortest.commonName ?? "?"}" only until ${formatInstant(shortest.notAfter)}`,
        };
  },

  // DPS refuses a CA-signed leaf whose presented chain reaches no verified CA.
  ({ selfSigned, anchor }) =>
    selfSigned || anchor !== undefined
      ? undefined
      : {
          code: "chain-not-anchored",
          detail:
            "the chain reaches no CA certificate that this DPS holds as verified; send the missing intermediates, or upload and verify the CA first",
        },
];

/** Judges a replacement: a refusal with a stable code, or warnings. Pure; the order of the rules is part of the contract. */
export function lintReplacement(
  candidate: Candidate,
  context: ReplacementContext,
): { readonly refusal: Refusal | undefined; readonly warnings: readonly Warning[] } {
  for (const rule of rules) {
    const refusal = rule(candidate, context);
    if (refusal !== undefined) return { refusal, warnings: [] };
  }
  const warnings: Warning[] = [];
  if (candidate.selfSigned) warnings.push("self-signed");
  if (context.compromisedKey === undefined) warnings.push("same-key-unchecked");
  return { refusal: undefined, warnings };
}

function weakness(certificates: readonly CertificateFacts[]): Refusal | undefined {
  for (const { publicKey, signatureHash, commonName } of certificates) {
    const name = commonName ?? "?";
    if (publicKey.kind === "rsa" && publicKey.bits < MIN_RSA_BITS)
      return {
        code: "weak-key",
        detail: `"${name}" has an RSA key of ${publicKey.bits} bits, at least ${MIN_RSA_BITS} are needed`,
      };
    if (publicKey.kind === "ec" && !STRONG_CURVES.has(publicKey.curve))
      return { code: "weak-key", detail: `"${name}" uses curve ${publicKey.curve}; use P-256, P-384 or P-521` };
    if (publicKey.kind === "other")
      return {
        code: "weak-key",
        detail: `"${name}" has a ${publicKey.name} key, which DPS does not document; use RSA or ECDSA`,
      };
    if (signatureHash !== undefined && WEAK_HASHES.has(signatureHash))
      return { code: "weak-signature", detail: `"${name}" is signed with ${signatureHash}` };
  }
  return undefined;
}
