import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { armAudience, labToken } from "../dps/authorization";
import { startDps } from "../dps/server";
import type { Dps } from "../dps/server";
import type { DpsSwitches } from "../dps/switches";
import { startEventHubs } from "../event-hubs/server";
import type { EventHubs } from "../event-hubs/server";
import { Faults } from "../faults/faults";
import type { Dialer } from "../fleet/dialer";
import { fleetDialer } from "../fleet/fleet";
import type { FleetOptions } from "../fleet/fleet";
import { startIotHub } from "../iot-hub/server";
import type { IotHub } from "../iot-hub/server";
import type { HubSwitches } from "../iot-hub/switches";
import { createIntermediate, createRoot, issueServerCertificate } from "../pki/certificates";
import type { CertificateAuthority } from "../pki/certificates";
import { startAzurite } from "../storage/azurite";
import type { Azurite } from "../storage/azurite";

export interface LabServicesOptions {
  /** Where the lab may write files (the authority's certificate). It is created if need be. */
  readonly folder: string;
  /** Folder of Azurite's data; default: memory. */
  readonly storageFolder?: string;
  readonly dpsSwitches?: Partial<DpsSwitches>;
  readonly hubSwitches?: Partial<HubSwitches>;
}

/** Azure on this machine: one DPS, one hub with its event stream, one storage account, and the authorities of devices. */
export interface LabServices {
  readonly root: CertificateAuthority;
  /** Verified through `root`; it signs the devices' leaves. */
  readonly issuer: CertificateAuthority;
  readonly dps: Dps;
  readonly hub: IotHub;
  readonly events: EventHubs;
  readonly azurite: Azurite;
  readonly faults: Faults;
  /** What a fleet needs to find this lab. */
  readonly fleet: Pick<FleetOptions, "dps" | "hub">;
  readonly dial: Dialer;
  /** Environment of a Rollcall app that is to use this lab. */
  settings(webhookSecret: string): Record<string, string>;
  stop(): Promise<void>;
}

export const labHubHostName = "lab-hub.azure-devices.net";
const tokenLifeMs = 30 * 86_400_000;
const armHostName = "management.azure.com";
const resourceId =
  "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/lab/providers/Microsoft.Devices/provisioningServices/lab-dps";

/** Starts everything on free ports of 127.0.0.1. Rejects, with all it had started stopped, when one of them fails. */
export async function startLabServices(options: LabServicesOptions): Promise<LabServices> {
  const running: { stop(): Promise<void> }[] = [];
  const keep = <T extends { stop(): Promise<void> }>(service: T): T => {
    running.push(service);
    return service;
  };
  const stop = async (): Promise<void> => {
    for (const service of running.reverse()) await service.stop();
  };
  try {
    await mkdir(options.folder, { recursive: true });
    const root = createRoot({ commonName: "Rollcall lab root" });
    const issuer = createIntermediate({ commonName: "Rollcall lab devices", issuer: root });
    const serverCertificate = issueServerCertificate({
      issuer: root,
      dnsNames: ["localhost", "*.azure-devices.net", "*.azure-devices-provisioning.net", armHostName],
      ipAddresses: ["127.0.0.1"],
    });
    const caFile = join(options.folder, "lab-ca.pem");
    await writeFile(caFile, root.certificatePem);

    const faults = new Faults();
    const storage = options.storageFolder === undefined ? {} : { location: options.storageFolder };
    // The slowest to start, so it starts beside the others; whatever they do, it is waited for and stopped.
    const azuriteStarts = startAzurite(storage);
    keep({ stop: async () => (await azuriteStarts.catch(() => undefined))?.stop() });
    const events = keep(await startEventHubs({ faults }));
    const hub = keep(
      await startIotHub({
        hostName: labHubHostName,
        serverCertificate,
        events,
        faults,
        switches: options.hubSwitches ?? {},
      }),
    );
    const dps = keep(
      await startDps({ hubs: [hub.link], serverCertificate, faults, switches: options.dpsSwitches ?? {} }),
    );
    dps.store.addVerifiedCa(root.certificatePem, "lab-root");
    const azurite = await azuriteStarts;

    const loopback = { host: "127.0.0.1" };
    const fleet: LabServices["fleet"] = {
      dps: { ...loopback, port: dps.mqttPort, idScope: dps.idScope, ca: root.certificatePem },
      hub: (hostName) => {
        if (hostName !== labHubHostName) throw new Error(`There is no hub ${hostName} in this lab.`);
        return { ...loopback, port: hub.mqttPort };
      },
    };
    return {
      root,
      issuer,
      dps,
      hub,
      events,
      azurite,
      faults,
      fleet,
      dial: fleetDialer(fleet),
      settings: (webhookSecret) => ({
        AzureWebJobsStorage: azurite.connectionString,
        ROLLCALL_STORAGE: azurite.connectionString,
        ROLLCALL_DPS_CONNECTION: dps.connectionString,
        ROLLCALL_DPS_RESOURCE_ID: resourceId,
        ROLLCALL_HUB_CONNECTIONS: JSON.stringify([hub.connectionString]),
        ROLLCALL_HEARTBEATS: events.connectionString(hub.eventHubName),
        ROLLCALL_HEARTBEATS_HUB: hub.eventHubName,
        ROLLCALL_HEARTBEATS_GROUP: "$Default",
        ROLLCALL_WEBHOOK_SECRETS: webhookSecret,
        ROLLCALL_LOOPBACK: JSON.stringify({
          caFile,
          ports: {
            [dps.serviceHostName]: dps.servicePort,
            [labHubHostName]: hub.servicePort,
            [armHostName]: dps.servicePort,
          },
          tokens: { [armAudience]: labToken({ audience: armAudience, expiresAt: Date.now() + tokenLifeMs }) },
        }),
        ROLLCALL_PULSE_HOLD_MS: "200",
        ROLLCALL_SETTLE_MS: "500",
        ROLLCALL_POLL_MS: "250",
        ROLLCALL_SWEEP_SCHEDULE: "*/2 * * * * *",
        ROLLCALL_SWEEP_AGE_MS: "3000",
        TASK_HUB_NAME: "rollcall",
        NODE_EXTRA_CA_CERTS: caFile,
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
