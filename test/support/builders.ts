import type { Candidate, ReplacementContext } from "../../shared/domain/certificate/lint-replacement";
import type { Anchor, CertificateFacts } from "../../shared/domain/certificate/facts";
import { DEFAULT_POLICY } from "../../shared/domain/certificate/policy";
import type { DeviceFacts, VerifiedReport } from "../../shared/domain/device-facts";
import type { Identity } from "../../shared/domain/hub/allow-set";
import { AttemptId, DeviceId, HubHostName, RegistrationId, RollId, Sha256Thumbprint } from "../../shared/domain/ids";
import { addMs, instant, type Instant } from "../../shared/domain/instant";
import type { ProofEvidence } from "../../shared/domain/proof/judge";
import type { BatchSummary } from "../../shared/domain/roll/batch-summary";
import type { DeviceRow, HubRecord } from "../../shared/domain/roll/device-row";

// Values for tests of the pure rules. Each builder gives the good case; a test changes what it is about.

export const t0: Instant = instant(Date.UTC(2026, 0, 1));
export const rollId = RollId.parse("20260101T000000000Z-1f0c9a3e");
export const otherRollId = RollId.parse("20260101T000000000Z-2f0c9a3e");
export const hubName = HubHostName.parse("lab-hub.azure-devices.net");
export const otherHubName = HubHostName.parse("lab-hub-2.azure-devices.net");
export const registrationId = RegistrationId.parse("pump-1");
export const deviceId = DeviceId.parse("pump-1");
export const nonce = "00112233445566778899aabbccddeeff";

export function thumbprint(digit: string): Sha256Thumbprint {
  return Sha256Thumbprint.parse(digit.repeat(64));
}

/** The leaf that leaked, the planned one, one that nobody named, and two sentinels. */
export const leaked = thumbprint("0");
export const planned = thumbprint("A");
export const stranger = thumbprint("7");
export const sentinelPair = [thumbprint("E"), thumbprint("F")] as const;

const DAY = 86_400_000;

export function aCertificate(changes: Partial<CertificateFacts> = {}): CertificateFacts {
  return {
    sha256Thumbprint: planned,
    serialNumber: "4A01",
    subject: "CN=pump-1",
    issuer: "CN=Issuing CA",
    commonName: "pump-1",
    issuerCommonName: "Issuing CA",
    notBefore: addMs(t0, -DAY),
    notAfter: addMs(t0, 90 * DAY),
    publicKeySha256: "B".repeat(64),
    publicKey: { kind: "ec", curve: "prime256v1" },
    isAuthority: false,
    pathLength: undefined,
    keyUsage: ["digitalSignature"],
    subjectKeyId: undefined,
    authorityKeyId: undefined,
    extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
    signatureHash: "sha256",
    ...changes,
  };
}

export function anIssuer(changes: Partial<CertificateFacts> = {}): CertificateFacts {
  return aCertificate({
    sha256Thumbprint: thumbprint("C"),
    subject: "CN=Issuing CA",
    issuer: "CN=Fleet Root",
    commonName: "Issuing CA",
    issuerCommonName: "Fleet Root",
    notAfter: addMs(t0, 3650 * DAY),
    publicKeySha256: "C".repeat(64),
    isAuthority: true,
    keyUsage: ["keyCertSign", "cRLSign"],
    extendedKeyUsage: undefined,
    ...changes,
  });
}

/** The root that DPS holds as `fleet-root`. */
export function anAnchor(changes: Partial<CertificateFacts> = {}): Anchor {
  const facts = anIssuer({
    sha256Thumbprint: thumbprint("F"),
    subject: "CN=Fleet Root",
    commonName: "Fleet Root",
    publicKeySha256: "F".repeat(64),
    ...changes,
  });
  return { name: "fleet-root", facts };
}

export function aCandidate(changes: Partial<Candidate> = {}): Candidate {
  return {
    leaf: aCertificate(),
    issuers: [anIssuer()],
    linked: true,
    selfSigned: false,
    anchor: anAnchor(),
    ...changes,
  };
}

export function aContext(changes: Partial<ReplacementContext> = {}): ReplacementContext {
  return {
    registrationId,
    bad: [leaked],
    entry: "individual",
    compromisedKeys: new Set(["D".repeat(64)]),
    keysOfOthers: new Set(),
    policy: DEFAULT_POLICY,
    now: t0,
    ...changes,
  };
}

export function anIdentity(changes: Partial<Identity> = {}): Identity {
  return {
    status: "enabled",
    authentication: "selfSigned",
    primaryThumbprint: planned,
    secondaryThumbprint: planned,
    ...changes,
  };
}

/** As the alert leaves it: nothing read, nothing written. */
export function aRow(changes: Partial<DeviceRow> = {}): DeviceRow {
  return {
    registrationId,
    compromisedSlots: ["primary"],
    bad: [],
    allowed: [],
    warnings: [],
    entry: { state: "open", disabled: false },
    hubs: {},
    rereads: 0,
    broken: 0,
    attempts: 0,
    ...changes,
  };
}

/** Moments of a device that went through containment and was then asked to report. */
export const closedAt = addMs(t0, 1_000);
export const heldAt = addMs(t0, 1_100);
export const releasedAt = addMs(t0, 2_000);
export const askedAt = addMs(t0, 3_000);
export const answeredAt = addMs(t0, 3_100);
export const PULSE_HOLD_MS = 500;

export function aHubRecord(changes: Partial<HubRecord> = {}): HubRecord {
  return { round: 1, statusBefore: "enabled", lastWrite: "sentinel", absent: false, heldAt, releasedAt, ...changes };
}

export function aContainedRow(changes: Partial<DeviceRow> = {}): DeviceRow {
  return aRow({
    deviceId,
    bad: [leaked],
    allowed: [planned],
    planned: { sha256Thumbprint: planned, notAfter: addMs(t0, 90 * DAY) },
    entry: { state: "closed", closedAt, disabled: false },
    hubs: { [hubName]: aHubRecord() },
    containedAt: addMs(t0, 2_100),
    attempts: 1,
    attempt: { attemptId: AttemptId.parse("a1"), nonce, startedAt: askedAt },
    ...changes,
  });
}

export function aVerifiedReport(changes: Partial<VerifiedReport> = {}): VerifiedReport {
  return {
    position: { enqueuedAt: answeredAt, partition: "0", sequenceNumber: 10 },
    rollId,
    attemptId: AttemptId.parse("a1"),
    nonce,
    phase: "connected",
    sha256Thumbprint: planned,
    chainPem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    authentication: "x509Certificate",
    ...changes,
  };
}

export function someFacts(changes: Partial<DeviceFacts> = {}): DeviceFacts {
  const verified = aVerifiedReport();
  const { position } = verified;
  return {
    deviceId,
    lastSeen: position,
    claimed: { position, sha256Thumbprint: planned },
    verified: [verified],
    ...changes,
  };
}

/** Everything that {@link aContainedRow} needs to be proven. */
export function someEvidence(changes: Partial<ProofEvidence> = {}): ProofEvidence {
  return {
    facts: someFacts(),
    hubs: new Map([[hubName, { identity: anIdentity(), standing: "allowed" }]]),
    registration: { status: "assigned", assignedHub: hubName, lastUpdatedAt: addMs(t0, 2_500) },
    ...changes,
  };
}

/** A batch with these counts and nothing else to say. */
export function aSummary(batch: number, counts: BatchSummary["counts"]): BatchSummary {
  const wave = { succeeded: 0, failed: 0, unreachable: 0, open: 0 };
  return { batch, counts, wave, leftOut: 0, waiting: 0, inFlight: 0, owed: 0, contained: [] };
}
