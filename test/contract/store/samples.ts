import { randomBytes } from "node:crypto";
import { DeviceId, RegistrationId, RollId, Sha256Thumbprint, AttemptId } from "../../../shared/domain/ids";
import { addMs, instant } from "../../../shared/domain/instant";
import type { Instant } from "../../../shared/domain/instant";
import type { JournalEntry } from "../../../shared/domain/roll/batch";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import type { RollRequest } from "../../../shared/domain/roll/request";
import type { Roll } from "../../../shared/domain/roll/roll";
import type { DeviceFacts, VerifiedReport } from "../../../shared/domain/device-facts";
import type { Clock } from "../../../shared/ports/clock";

/** A moment far from every default, so that a forgotten clock shows. */
export const start: Instant = instant(Date.UTC(2026, 0, 2, 3, 4, 5, 678));

/** A roll id of the given minute after {@link start}; each call gives another one. */
export function aRollId(minute = 0): RollId {
  const time = new Date(addMs(start, minute * 60_000)).toISOString().replace(/[-:.]/g, "");
  return RollId.parse(`${time}-${randomBytes(4).toString("hex")}`);
}

export function aRegistrationId(n: number): RegistrationId {
  return RegistrationId.parse(`pump-${String(n).padStart(3, "0")}`);
}

export function aThumbprint(n: number): Sha256Thumbprint {
  return Sha256Thumbprint.parse(n.toString(16).toUpperCase().padStart(64, "0"));
}

export function aDevice(n: number, changes: Partial<DeviceRow> = {}): DeviceRow {
  return {
    registrationId: aRegistrationId(n),
    compromisedSlots: ["primary"],
    bad: [aThumbprint(n)],
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

export function devices(count: number): DeviceRow[] {
  return Array.from({ length: count }, (_, n) => aDevice(n));
}

export function anEntry(kind: "intent" | "outcome", action = "close"): JournalEntry {
  const registrationId = aRegistrationId(0);
  return { step: "contain", kind, at: start, entries: [{ registrationId, target: "dps", action, before: "old" }] };
}

export function aRoll(rollId: RollId, changes: Partial<Roll> = {}): Roll {
  return {
    rollId,
    playbook: "individual-breach",
    phase: "requested",
    source: "soc",
    alertId: "alert-1",
    reason: "key found on a paste site",
    requestedAt: start,
    devices: 3,
    batches: 1,
    ...changes,
  };
}

export function aRequest(changes: Partial<RollRequest> = {}): RollRequest {
  return {
    playbook: "individual-breach",
    source: "soc",
    alertId: "alert-1",
    reason: "key found on a paste site — 鍵",
    requestedAt: start,
    targets: [
      {
        registrationId: aRegistrationId(1),
        compromisedSlots: ["primary", "secondary"],
        replacement: { kind: "inline", chainPem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" },
      },
    ],
    timing: {
      pulseHoldMs: 200,
      settleMs: 500,
      pollMs: 100,
      recheckMs: 1_000,
      attemptMs: 5_000,
      deadline: addMs(start, 60_000),
    },
    ...changes,
  };
}

export function aPosition(sequenceNumber: number, partition = "0"): NonNullable<DeviceFacts["lastSeen"]> {
  return { enqueuedAt: addMs(start, sequenceNumber * 10), partition, sequenceNumber };
}

export function heard(deviceId: string, sequenceNumber: number, changes: Partial<DeviceFacts> = {}): DeviceFacts {
  return {
    deviceId: DeviceId.parse(deviceId),
    lastSeen: aPosition(sequenceNumber),
    claimed: { position: aPosition(sequenceNumber), sha256Thumbprint: aThumbprint(sequenceNumber) },
    authentication: "x509",
    ...changes,
  };
}

export function aReport(sequenceNumber: number, rollId: RollId): VerifiedReport {
  return {
    position: aPosition(sequenceNumber),
    rollId,
    attemptId: AttemptId.parse("a1"),
    nonce: "0".repeat(32),
    phase: "connected",
    sha256Thumbprint: aThumbprint(sequenceNumber),
    chainPem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    authentication: "x509",
  };
}

/** Time that passes only when a test says so. */
export function aClock(): Clock & { pass(ms: number): void } {
  let now = start;
  return {
    now: () => now,
    pass: (ms) => {
      now = addMs(now, ms);
    },
  };
}
