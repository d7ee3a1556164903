import { randomUUID } from "node:crypto";
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
      scope: {
        kind: "devices",
        devices: players.map(({ registrationId, active, next }) => ({
          registrationId,
          compromised: { slots: ["primary"], certificatePem: active.certificatePem },
          ...(next === undefined ? {} : { replacement: { chainPem: next.chainPem } }),
        })),
      },
    },
  };
}
