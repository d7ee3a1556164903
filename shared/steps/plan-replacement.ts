import { firstCertificate } from "../domain/certificate/first-certificate";
import { lintReplacement } from "../domain/certificate/lint-replacement";
import type { CertificatePolicy } from "../domain/certificate/policy";
import { badThumbprints, healthyThumbprints } from "../domain/enrollment/close-entry";
import { DeviceId, type Sha256Thumbprint } from "../domain/ids";
import type { Instant } from "../domain/instant";
import {
  AUTHORITIES_UNREADABLE,
  withWarning,
  type DeviceRow,
  type Refusal,
  type Warning,
} from "../domain/roll/device-row";
import type { RollTarget } from "../domain/roll/request";
import type { CertificateReader, Chain, TrustedAuthority } from "../ports/certificates";
import type { EnrollmentGroup } from "../ports/enrollment-groups";
import type { IndividualEnrollment } from "../ports/enrollments";

export interface ReplacementWorld {
  readonly certificates: CertificateReader;
  readonly policy: CertificatePolicy;
  /** Undefined: the CA certificates could not be read now. */
  readonly authorities: readonly TrustedAuthority[] | undefined;
  readonly keysOfOthers: (target: RollTarget) => ReadonlySet<string>;
  /** Why the leaf that a container is to bring is not there yet; undefined where none is awaited. */
  readonly awaited: (target: RollTarget) => string | undefined;
  readonly now: Instant;
}

/**
 * Resolves at the first read of an entry what the roll is about: which thumbprints must go, which leaf is to come. What it
 * says about the replacement never stands in the way of containment. What is resolved stays: slots may have changed by our
 * own writes since. Only a replacement that could not be judged is judged again.
 */
export function planRow(
  row: DeviceRow,
  target: RollTarget,
  enrollment: IndividualEnrollment,
  world: ReplacementWorld,
): DeviceRow {
  if (row.planned !== undefined || row.refusal !== undefined) return row;
  const compromised = readLeaf(world.certificates, target.compromisedPem);
  const resolved = row.nameInEntry !== undefined ? row : resolve(row, target, enrollment, compromised);
  const { replacementPending: _pending, ...base } = resolved;

  return withVerdict(base, judge(base, target, enrollment, compromised, world));
}

/** Writes what the rules said into the row; an accepted leaf is one the device may go on with. */
export function withVerdict(base: DeviceRow, verdict: Verdict): DeviceRow {
  switch (verdict.outcome) {
    case "none":
      return base;
    case "pending":
      return { ...base, replacementPending: verdict.why };
    case "refused":
      return { ...base, refusal: verdict.refusal };
    case "accepted": {
      const { sha256Thumbprint, notAfter } = verdict.chain.leaf;
      const allowed = [...new Set([...base.allowed, sha256Thumbprint])];
      return withWarning({ ...base, planned: { sha256Thumbprint, notAfter }, allowed }, ...verdict.warnings);
    }
    default:
      return verdict satisfies never;
  }
}

function resolve(
  row: DeviceRow,
  target: RollTarget,
  enrollment: IndividualEnrollment,
  compromised: Chain | undefined,
): DeviceRow {
  const leaf = compromised?.leaf.sha256Thumbprint;
  const named = badThumbprints(enrollment, row.compromisedSlots, leaf).filter(
    (thumbprint) => thumbprint === leaf || row.spared?.includes(thumbprint) !== true,
  );
  // What a roll that had the device before was to cut off stays cut off.
  const bad = [...new Set([...row.bad, ...named])];
  const nameInEntry = enrollment.deviceId ?? DeviceId.parse(row.registrationId);
  return { ...row, nameInEntry, bad, allowed: healthyThumbprints(enrollment, bad) };
}

export type Verdict =
  | { readonly outcome: "none" }
  | { readonly outcome: "pending"; readonly why: string }
  | { readonly outcome: "refused"; readonly refusal: Refusal }
  | { readonly outcome: "accepted"; readonly chain: Chain; readonly warnings: readonly Warning[] };

function judge(
  row: DeviceRow,
  target: RollTarget,
  enrollment: IndividualEnrollment,
  compromised: Chain | undefined,
  world: ReplacementWorld,
): Verdict {
  const { replacement } = target;
  if (replacement.kind === "none") {
    const why = world.awaited(target);
    return why === undefined ? { outcome: "none" } : { outcome: "pending", why };
  }
  if (replacement.kind === "discarded")
    return refused(replacement.code, replacement.code === "private-key-in-input" ? DISCARDED : UNREADABLE);
  if (enrollment.attestation !== "x509-client")
    return refused(
      "attestation-not-x509",
      "the entry holds no client certificates, and DPS does not let its type change",
    );
  if (enrollment.credentialPolicyName !== undefined) return refused("adr-managed", ADR_MANAGED);
  if (!enrollment.updateHubAssignment) return refused("update-hub-assignment-off", UPDATE_OFF);
  return judgeChain(replacement.chainPem, target, { entry: "individual", bad: row.bad, compromised }, world);
}

function judgeChain(
  chainPem: string,
  target: RollTarget,
  about: {
    readonly entry: "individual" | "group";
    readonly bad: readonly Sha256Thumbprint[];
    readonly compromised: Chain | undefined;
  },
  world: ReplacementWorld,
): Verdict {
  const { entry, bad, compromised } = about;
  const reading = world.certificates.readChain(chainPem);
  if (reading.outcome === "private-key") return refused("private-key-in-input", DISCARDED);
  if (reading.outcome === "unreadable") return refused("certificate-unreadable", reading.detail);
  const { chain } = reading;
  if (!chain.selfSigned && world.authorities === undefined) return { outcome: "pending", why: AUTHORITIES_UNREADABLE };

  const { refusal, warnings } = lintReplacement(
    { ...chain, anchor: chain.anchoredIn(world.authorities ?? []) },
    {
      registrationId: target.registrationId,
      bad,
      entry,
      compromisedKeys: new Set(compromised === undefined ? [] : [compromised.leaf.publicKeySha256]),
      keysOfOthers: world.keysOfOthers(target),
      policy: world.policy,
      now: world.now,
    },
  );
  return refusal === undefined ? { outcome: "accepted", chain, warnings } : { outcome: "refused", refusal };
}

/** A group's leaf that came with the request, judged against what in the group is compromised. */
export function judgeForGroup(
  target: RollTarget,
  group: EnrollmentGroup,
  bad: readonly Sha256Thumbprint[],
  world: ReplacementWorld,
): Verdict {
  const { replacement } = target;
  if (replacement.kind === "none") return { outcome: "none" };
  if (replacement.kind === "discarded")
    return refused(replacement.code, replacement.code === "private-key-in-input" ? DISCARDED : UNREADABLE);
  if (!group.updateHubAssignment) return refused("update-hub-assignment-off", UPDATE_OFF);
  const compromised = readLeaf(world.certificates, target.compromisedPem);
  const all = compromised === undefined ? bad : [...bad, compromised.leaf.sha256Thumbprint];
  return judgeChain(replacement.chainPem, target, { entry: "group", bad: all, compromised }, world);
}

/** The leaf as PEM, for the slot: the entry holds the leaf alone, the device sends the intermediates. */
export function leafPem(certificates: CertificateReader, chainPem: string): string {
  const reading = certificates.readChain(chainPem);
  if (reading.outcome !== "read") throw new Error("an accepted replacement cannot be read any more");
  return firstCertificate(reading.chain.pem);
}

export function readLeaf(certificates: CertificateReader, pem: string | undefined): Chain | undefined {
  if (pem === undefined) return undefined;
  const reading = certificates.readChain(pem);
  return reading.outcome === "read" ? reading.chain : undefined;
}

function refused(code: string, detail: string): Verdict {
  return { outcome: "refused", refusal: { code, detail } };
}

const DISCARDED =
  "the input held a private key; it was discarded. Treat that key as leaked, generate a new one on the device";
const UNREADABLE =
  "the replacement holds no readable certificate; send the leaf and its intermediates as PEM, leaf first";
/** In an individual enrollment. */
export const ADR_MANAGED = "Azure Device Registry issues this device's certificates; have it renew them there";
const UPDATE_OFF =
  "the entry's reprovision policy forbids hub updates, so DPS may not write the new leaf into the hub; set updateHubAssignment to true";
