import type { Sha256Thumbprint } from "../ids";
import type { Instant } from "../instant";
import type { Refusal, Warning } from "../roll/device-row";
import type { Anchor, CertificateFacts } from "./facts";
import type { CertificatePolicy } from "./policy";
import { fromTestAuthority, nameOf, outlivesIssuer, validityFlaw, weakness } from "./rules";

/** A CA certificate that is to take over, with everything the rules ask about it already looked up. */
export interface AuthorityCandidate {
  readonly certificate: CertificateFacts;
  /** What was sent with it, from its issuer upwards. */
  readonly issuers: readonly CertificateFacts[];
  /** Every certificate is signed by the next. */
  readonly linked: boolean;
  readonly selfSigned: boolean;
  /** The verified CA of this DPS, other than itself, that its chain reaches. */
  readonly anchor: Anchor | undefined;
}

export interface AuthorityContext {
  /** What it is to be: an anchor that is proven to DPS, or a CA below one. */
  readonly role: "root" | "intermediate";
  /** The name it is to have among the CA certificates of DPS; undefined where it stands in a group's slot only. */
  readonly name: string | undefined;
  /** The CA certificates that DPS holds, verified or not. */
  readonly existing: readonly { readonly name: string; readonly sha256Thumbprint: Sha256Thumbprint }[];
  /** How many CAs stand between it and the fleet's leaves. */
  readonly authoritiesBelow: number;
  readonly bad: readonly Sha256Thumbprint[];
  /** SHA-256 of every compromised public key that is known. */
  readonly compromisedKeys: ReadonlySet<string>;
  readonly policy: CertificatePolicy;
  readonly now: Instant;
}

type Rule = (candidate: AuthorityCandidate, context: AuthorityContext) => Refusal | undefined;

/** The rules, most telling first: the first that speaks names the refusal. */
const rules: readonly Rule[] = [
  ({ certificate }) =>
    certificate.isAuthority
      ? undefined
      : {
          code: "not-an-authority",
          detail: `"${nameOf(certificate)}" is no CA certificate (basicConstraints CA is not true); send the CA first`,
        },

  ({ certificate: { keyUsage } }) =>
    keyUsage === undefined || keyUsage.includes("keyCertSign")
      ? undefined
      : {
          code: "not-for-signing",
          detail:
            "the CA's key usage lacks keyCertSign, so that nothing it signs is accepted; issue it with keyCertSign",
        },

  ({ certificate, issuers }, { bad, compromisedKeys }) => {
    const found = [certificate, ...issuers].find(
      ({ publicKeySha256, sha256Thumbprint }) => compromisedKeys.has(publicKeySha256) || bad.includes(sha256Thumbprint),
    );
    if (found === undefined) return undefined;
    return found === certificate
      ? { code: "same-key", detail: "the new CA holds the compromised key; make a CA over a new key" }
      : {
          code: "compromised-issuer",
          detail: `the new CA comes from "${nameOf(found)}", which is compromised; issue it from another root`,
        };
  },

  ({ certificate, issuers }, { policy, now }) => validityFlaw([certificate, ...issuers], policy, now),

  ({ certificate, issuers }, { policy }) => weakness([certificate, ...issuers], policy),

  ({ certificate: { pathLength } }, { authoritiesBelow }) =>
    pathLength === undefined || pathLength >= authoritiesBelow
      ? undefined
      : {
          code: "path-length-exceeded",
          detail: `the CA allows ${pathLength} CAs below it, the fleet's leaves need ${authoritiesBelow}; issue it with a larger path length`,
        },

  ({ linked }) =>
    linked
      ? undefined
      : {
          code: "chain-broken",
          detail: "a certificate is not signed by the next one; send the CA, then each CA above it",
        },

  ({ certificate, issuers, anchor }) =>
    outlivesIssuer(certificate, anchor === undefined ? issuers : [...issuers, anchor.facts]),

  // In a group's own slot an intermediate counts only below a CA whose possession was proven to this DPS. One that groups
  // refer to by name is proven itself.
  ({ anchor }, { role, name }) =>
    role === "root" || name !== undefined || anchor !== undefined
      ? undefined
      : {
          code: "chain-not-anchored",
          detail:
            "the new intermediate is signed by no CA that this DPS holds as verified; send what is between, or upload and verify its root first",
        },

  // DPS takes a certificate under one name only.
  ({ certificate }, { existing, name }) => {
    const held = existing.find(({ sha256Thumbprint }) => sha256Thumbprint === certificate.sha256Thumbprint);
    return held === undefined || name === undefined || held.name.toLowerCase() === name.toLowerCase()
      ? undefined
      : {
          code: "certificate-in-use",
          detail: `DPS already holds this certificate under the name "${held.name}"; use that name`,
        };
  },

  ({ certificate }, { existing, name }) => {
    const taken = existing.find((ca) => ca.name.toLowerCase() === name?.toLowerCase());
    return taken === undefined || taken.sha256Thumbprint === certificate.sha256Thumbprint
      ? undefined
      : {
          code: "name-taken",
          detail: `DPS holds another certificate under the name "${taken.name}"; choose a name that is free`,
        };
  },
];

/** Judges the CA that is to take over: a refusal with a stable code, or warnings. Pure; the order of the rules is part of the contract. */
export function lintAuthority(
  candidate: AuthorityCandidate,
  context: AuthorityContext,
): { readonly refusal: Refusal | undefined; readonly warnings: readonly Warning[] } {
  for (const rule of rules) {
    const refusal = rule(candidate, context);
    if (refusal !== undefined) return { refusal, warnings: [] };
  }
  const { certificate, issuers, anchor } = candidate;
  const warnings: Warning[] = [];
  if (context.compromisedKeys.size === 0) warnings.push("same-key-unchecked");
  const chain = [certificate, ...issuers, ...(anchor === undefined ? [] : [anchor.facts])];
  if (fromTestAuthority(chain, context.policy)) warnings.push("test-ca");
  return { refusal: undefined, warnings };
}
