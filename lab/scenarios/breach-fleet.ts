import { startFleet } from "../fleet/fleet";
import type { Fleet } from "../fleet/fleet";
import type { DeviceTiming } from "../fleet/device-options";
import { sdkTransport } from "../fleet/sdk-transport";
import { issueLeaf } from "../pki/certificates";
import type { LabCertificate } from "../pki/certificates";
import type { DeviceNames } from "./evidence";
import type { LabServices } from "./lab-services";

/** A device whose active key was stolen, with the key it is to run on next. */
export interface Victim extends DeviceNames {
  readonly oldThumbprint: string;
  readonly newThumbprint: string;
  readonly active: LabCertificate;
  readonly standby: LabCertificate;
}

export interface BreachFleet {
  readonly victims: readonly Victim[];
  readonly bystanders: readonly DeviceNames[];
  readonly fleet: Fleet;
  /** Every private key of the fleet, by the device it belongs to. */
  readonly privateKeys: ReadonlyMap<string, readonly string[]>;
}

/**
 * Enrolls `total` devices individually (primary slot = the active leaf, secondary free), the first `breached` of which
 * are victims, and starts their agents. Each keeps a standby key whose leaf an alert may carry.
 */
export function startBreachFleet(
  services: LabServices,
  options: {
    readonly total: number;
    readonly breached: number;
    /** How many of the victims run on the official device SDKs. Default 0. */
    readonly onOfficialSdk?: number;
    readonly timing?: Partial<DeviceTiming>;
    readonly seed?: number;
  },
): BreachFleet {
  const specs = Array.from({ length: options.total }, (_, index) => {
    const isVictim = index < options.breached;
    const number = isVictim ? index + 1 : index - options.breached + 1;
    const registrationId = `${isVictim ? "pump" : "valve"}-${String(number).padStart(3, "0")}`;
    const leaf = (): LabCertificate => issueLeaf({ commonName: registrationId, issuer: services.issuer });
    return { isVictim, registrationId, active: leaf(), standby: leaf() };
  });
  const official = sdkTransport({ dial: services.dial, idScope: services.dps.idScope });
  for (const { registrationId, active } of specs) {
    services.dps.store.seedEnrollment({
      registrationId,
      attestation: {
        type: "x509",
        x509: { clientCertificates: { primary: { certificate: active.certificatePem }, secondary: null } },
      },
    });
  }
  return {
    victims: specs
      .filter(({ isVictim }) => isVictim)
      .map(({ registrationId, active, standby }) => ({
        registrationId,
        deviceId: registrationId,
        oldThumbprint: active.sha256Thumbprint,
        newThumbprint: standby.sha256Thumbprint,
        active,
        standby,
      })),
    bystanders: specs
      .filter(({ isVictim }) => !isVictim)
      .map(({ registrationId }) => ({ registrationId, deviceId: registrationId })),
    privateKeys: new Map(
      specs.map(({ registrationId, active, standby }) => [
        registrationId,
        [active.privateKeyPem, standby.privateKeyPem],
      ]),
    ),
    fleet: startFleet({
      ...services.fleet,
      devices: specs.map((spec, index) => ({
        ...spec,
        ...(index < (options.onOfficialSdk ?? 0) ? { transport: official } : {}),
      })),
      ...(options.timing === undefined ? {} : { timing: options.timing }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    }),
  };
}

/** The body of the alert that reports the victims' active leaves as stolen and brings their standby leaves. */
export function breachAlert(id: string, victims: readonly Victim[], detectedAt: Date): string {
  return JSON.stringify({
    version: "1",
    id,
    source: "soc",
    type: "breach",
    severity: "critical",
    reason: "Device keys were found in a paste; the signing laptop is under forensics.",
    detectedAt: detectedAt.toISOString(),
    scope: {
      kind: "devices",
      devices: victims.map(({ registrationId, active, standby }) => ({
        registrationId,
        compromised: { slots: ["primary"], certificatePem: active.certificatePem },
        replacement: { chainPem: standby.chainPem },
      })),
    },
  });
}
