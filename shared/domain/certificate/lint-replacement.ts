import type { RegistrationId, Sha256Thumbprint } from "../ids";
import type { Instant } from "../instant";
import type { Refusal, Warning } from "../roll/device-row";
import type { Anchor, CertificateFacts } from "./facts";
import type { CertificatePolicy } from "./policy";
import { CLIENT_AUTH } from "./profile";
import { fromTestAuthority, nameOf, outlivesIssuer, validityFlaw, weakness } from "./rules";

/** A replacement as read, with everything the rules ask about it already looked up. */
export interface Candidate {
  readonly leaf: CertificateFacts;
  readonly issuers: readonly CertificateFacts[];
  /** Every certificate is signed by the next. */
  readonly linked: boolean;
  readonly selfSigned: boolean;
  /** The verified CA of this DPS that the chain reaches. */
  readonly anchor: Anchor | undefined;
}

export interface ReplacementContext {
  readonly registrationId: RegistrationId;
  /** The kind of entry that lets the device in. */
  readonly entry: "individual" | "group";
  /** Thumbprints that the roll cuts off. */
  readonly bad: readonly Sha256Thumbprint[];
  /** SHA-256 of every compromised public key that is known, of this device and of CAs; empty where none is. */
  readonly compromisedKeys: ReadonlySet<string>;
  /** Keys of other devices' replacements in the same request. */
  readonly keysOfOthers: ReadonlySet<string>;
  /** Another entry that already holds this very certificate, where that has been looked up. */
  readonly usedBy?: string | undefined;
  readonly policy: CertificatePolicy;
  readonly now: Instant;
}

type Rule = (candidate: Candidate, context: ReplacementContext) => Refusal | undefined;

const DAY_MS = 86_400_000;

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

  // A new certificate over the old key is as compromised as the old certificate, and so is one from a compromised CA.
  ({ leaf, issuers }, { bad, compromisedKeys }) => {
    const found = [leaf, ...issuers].find(
      ({ publicKeySha256, sha256Thumbprint }) => compromisedKeys.has(publicKeySha256) || bad.includes(sha256Thumbprint),
    );
    if (found === undefined) return undefined;
    return found === leaf
      ? { code: "same-key", detail: "the replacement holds the compromised key; generate a new key on the device" }
      : {
          code: "compromised-issuer",
          detail: `the replacement comes from "${nameOf(found)}", which is compromised; issue it from the CA that takes over`,
        };
  },

  ({ leaf }, { keysOfOthers }) =>
    keysOfOthers.has(leaf.publicKeySha256)
      ? { code: "key-shared", detail: "another device's replacement holds the same key; each device needs its own" }
      : undefined,

  // DPS takes a certificate in one entry only.
  (_candidate, { usedBy }) =>
    usedBy === undefined
      ? undefined
      : {
          code: "certificate-in-use",
          detail: `entry "${usedBy}" already holds this certificate; issue another one, or remove it there first`,
        },

  ({ leaf, issuers }, { policy, now }) => validityFlaw([leaf, ...issuers], policy, now),

  ({ leaf }, { policy }) => {
    const { maxLeafDays } = policy;
    return maxLeafDays === undefined || leaf.notAfter - leaf.notBefore <= maxLeafDays * DAY_MS
      ? undefined
      : {
          code: "validity-too-long",
          detail: `it is valid for more than the ${maxLeafDays} days that the policy allows; issue one that ends earlier`,
        };
  },

  ({ leaf, issuers }, { policy }) => weakness([leaf, ...issuers], policy),

  ({ leaf }) =>
    leaf.extendedKeyUsage === undefined || leaf.extendedKeyUsage.includes(CLIENT_AUTH)
      ? undefined
      : {
          code: "not-for-client-auth",
          detail: `the extended key usage lacks clientAuth (${CLIENT_AUTH}); issue it with clientAuth`,
        },

  ({ linked }) =>
    linked
      ? undefined
      : {
          code: "chain-broken",
          detail: "a certificate is not signed by the next one; send leaf, then each intermediate",
        },

  ({ issuers }) => {
    // The issuer at place i has i CA certificates between itself and the leaf.
    const short = issuers.find(({ pathLength }, below) => pathLength !== undefined && below > pathLength);
    return short === undefined
      ? undefined
      : {
          code: "path-length-exceeded",
          detail: `"${nameOf(short)}" allows ${short.pathLength ?? 0} CAs below it and has more; issue the leaf from a CA that it allows`,
        };
  },

  ({ leaf, issuers, anchor }) => outlivesIssuer(leaf, anchor === undefined ? issuers : [...issuers, anchor.facts]),

  // A group vouches for leaves by their issuer; a leaf without one matches no group.
  ({ selfSigned }, { entry }) =>
    selfSigned && entry === "group"
      ? {
          code: "self-signed-in-group",
          detail: "the device belongs to an enrollment group, which needs a leaf from the group's CA; issue one there",
        }
      : undefined,

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
  const { leaf, issuers, anchor } = candidate;
  const warnings: Warning[] = [];
  if (candidate.selfSigned) warnings.push("self-signed");
  if (context.compromisedKeys.size === 0) warnings.push("same-key-unchecked");
  const chain = anchor === undefined ? [leaf, ...issuers] : [leaf, ...issuers, anchor.facts];
  if (fromTestAuthority(chain, context.policy)) warnings.push("test-ca");
  return { refusal: undefined, warnings };
}
