import { lintReplacement } from "../domain/certificate/lint-replacement";
import type { CertificatePolicy } from "../domain/certificate/policy";
import type { RegistrationId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import { AUTHORITIES_UNREADABLE, withWarning, type DeviceRow, type Refusal } from "../domain/roll/device-row";
import type { CertificateReader, TrustedAuthority } from "../ports/certificates";

export interface LeafWorld {
  readonly certificates: CertificateReader;
  readonly policy: CertificatePolicy;
  /** Undefined: the CA certificates could not be read now. */
  readonly authorities: readonly TrustedAuthority[] | undefined;
  readonly keysOfOthers: ReadonlySet<string>;
  readonly now: Instant;
}

/** The leaf that is to be replaced because it runs out. */
export interface ExpiringLeaf {
  readonly notAfter?: Instant | undefined;
}

/**
 * Judges a new leaf that takes over from one that runs out: by the rules for every replacement, and it must not end earlier.
 * What comes of it stands in the row: `planned`, `refusal` with `failed`, or `replacementPending`.
 */
export function judgeLeaf(
  row: DeviceRow,
  chainPem: string,
  o: { readonly entry: "individual" | "group"; readonly old: ExpiringLeaf | undefined },
  world: LeafWorld,
): DeviceRow {
  const { replacementPending: _pending, ...base } = row;
  const reading = world.certificates.readChain(chainPem);
  if (reading.outcome === "private-key") return refuse(base, { code: "private-key-in-input", detail: DISCARDED });
  if (reading.outcome === "unreadable") return refuse(base, { code: "certificate-unreadable", detail: reading.detail });
  const { chain } = reading;
  if (!chain.selfSigned && world.authorities === undefined)
    return { ...base, replacementPending: AUTHORITIES_UNREADABLE };
  const { refusal, warnings } = lintReplacement(
    { ...chain, anchor: chain.anchoredIn(world.authorities ?? []) },
    {
      registrationId: row.registrationId,
      bad: row.bad,
      entry: o.entry,
      compromisedKeys: new Set(),
      keysOfOthers: world.keysOfOthers,
      policy: world.policy,
      now: world.now,
    },
  );
  if (refusal !== undefined) return refuse(base, refusal);
  const { sha256Thumbprint, notAfter } = chain.leaf;
  if (o.old?.notAfter !== undefined && notAfter < o.old.notAfter)
    return refuse(base, { code: "expires-earlier", detail: EARLIER });
  const telling = warnings.filter((warning) => warning !== "same-key-unchecked");
  const planned = { ...base, planned: { sha256Thumbprint, notAfter } };
  return withWarning({ ...planned, allowed: [...new Set([...base.allowed, sha256Thumbprint])] }, ...telling);
}

/** Nothing is staged or sent for the device. */
export function refuse(row: DeviceRow, refusal: Refusal): DeviceRow {
  return { ...row, refusal, failed: { reason: refusal.code, detail: refusal.detail } };
}

/** Keys of the leaves in these texts that more than one device is to get. */
export function sharedKeys(
  certificates: CertificateReader,
  chains: ReadonlyMap<RegistrationId, string>,
): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const pem of chains.values()) {
    const reading = certificates.readChain(pem);
    if (reading.outcome !== "read") continue;
    const { publicKeySha256 } = reading.chain.leaf;
    (seen.has(publicKeySha256) ? twice : seen).add(publicKeySha256);
  }
  return twice;
}

export const DISCARDED =
  "the input held a private key; it was discarded. Treat that key as leaked, generate a new one on the device";
const EARLIER = "the replacement ends before the certificate that it replaces; issue one that lasts longer";
