import { randomUUID } from "node:crypto";
import type { LabCertificate } from "../../pki/certificates";
import type { Ask, Player } from "../story";

/** The alert that reports the leaves the players run on as stolen and brings their next leaves. */
export function breachAlert(players: readonly Player[]): Ask {
  return {
    alert: {
      version: "1",
      id: `IR-${randomUUID().slice(0, 8)}`,
      source: "soc",
      type: "breach",
      severity: "critical",
      reason: "Device keys were found in a paste; the signing laptop is under forensics.",
      detectedAt: new Date().toISOString(),
      scope: { kind: "devices", devices: players.map((player) => breached(player)) },
    },
  };
}

/** A device of a breach: the leaf that was stolen from the primary slot, and its next leaf if there is one. */
export function breached({ registrationId, active, next }: Player, more: object = {}): object {
  return {
    registrationId,
    compromised: { slots: ["primary"], certificatePem: active.certificatePem },
    ...replacedBy(next),
    ...more,
  };
}

/** A device of an expiry: its next leaf if there is one. */
export function expiring({ registrationId, next }: Player): object {
  return { registrationId, ...replacedBy(next) };
}

function replacedBy(next: LabCertificate | undefined): object {
  return next === undefined ? {} : { replacement: { chainPem: next.chainPem } };
}

export function devicesScope(devices: readonly object[]): object {
  return { kind: "devices", devices };
}

/** An order of an operator; `deadlineSeconds`: when the roll closes at the latest. */
export function order(
  playbook: "individual-breach" | "individual-expiry" | "group-breach" | "group-expiry",
  scope: object,
  { deadlineSeconds, ...more }: { readonly deadlineSeconds?: number } & Readonly<Record<string, unknown>> = {},
): Ask {
  return {
    order: {
      version: "1",
      playbook,
      reason: `The lab plays ${playbook}.`,
      scope,
      ...(deadlineSeconds === undefined ? {} : { deadlineHours: deadlineSeconds / 3_600 }),
      ...more,
    },
  };
}
