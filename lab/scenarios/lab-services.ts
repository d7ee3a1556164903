import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startDps } from "../dps/server";
import type { Dps } from "../dps/server";
import type { DpsSwitches } from "../dps/switches";
import { startEventHubs } from "../event-hubs/server";
import type { EventHubs } from "../event-hubs/server";
import type { EventHubsSwitches } from "../event-hubs/switches";
import { Faults } from "../faults/faults";
import type { Dialer } from "../fleet/dialer";
import { fleetDialer } from "../fleet/fleet";
import type { FleetOptions } from "../fleet/fleet";
import type { HubQuotaOptions } from "../iot-hub/quotas";
import type { MessageRoute } from "../iot-hub/events/routing";
import { startIotHub } from "../iot-hub/server";
import type { IotHub } from "../iot-hub/server";
import type { HubSwitches } from "../iot-hub/switches";
import { issueServerCertificate } from "../pki/certificates";
import type { CertificateAuthority } from "../pki/certificates";
import { startAzurite } from "../storage/azurite";
import type { Azurite } from "../storage/azurite";
import { newAuthorities } from "./lab-authorities";
import type { LabAuthorities } from "./lab-authorities";
import { allHubsEventHub, appSettings, armHostName, catchUpGroup, connectionLogHub } from "./lab-settings";

export interface LabServicesOptions {
  /** Where the lab may write files (the authority's certificate). It is created if need be. */
  readonly folder: string;
  /** Folder of Azurite's data; default: memory. */
  readonly storageFolder?: string;
  readonly dpsSwitches?: Partial<DpsSwitches>;
  readonly hubSwitches?: Partial<HubSwitches>;
  readonly eventsSwitches?: Partial<EventHubsSwitches>;
  /** Of every hub. */
  readonly hubQuotas?: Partial<HubQuotaOptions>;
  /** How many hubs are linked to DPS: `lab-hub`, `lab-hub-2` and so on. At least 1, which is the default; at most 50. */
  readonly hubs?: number;
  /**
   * What hubs tell by themselves (connections, lifecycle) goes into the stream too, as whoever runs an app would route it.
   * Default: device messages alone, as a new hub does it.
   */
  readonly hubEvents?: boolean;
  /** Default: free ports. Storage takes free ones always. */
  readonly ports?: LabPorts;
  /** Where an earlier lab left its registries; they are written back at `stop`. Default: the lab starts empty. */
  readonly state?: LabState;
  readonly faults?: Faults;
}

/** Ports of 127.0.0.1; 0: any free one. */
export interface LabPorts {
  readonly dpsService: number;
  readonly dpsMqtt: number;
  readonly events: number;
  /** One per hub; hubs beyond its end take free ports. */
  readonly hubs: readonly { readonly service: number; readonly mqtt: number }[];
}

/** What outlives a lab. */
export interface LabState {
  /** Of the lab that is resumed; default: new ones. */
  readonly authorities?: LabAuthorities;
  readonly dpsSnapshotFile: string;
  /** What `saveHub` was given for that hub by the lab that is resumed; undefined when it did not have that hub. */
  hubSnapshot(hostName: string): Promise<unknown>;
  /** Called for each hub when it has stopped. */
  saveHub(hostName: string, snapshot: unknown): Promise<void>;
}

/** Azure on this machine: one DPS, its hubs with their event streams, one storage account, the authorities of devices. */
export interface LabServices extends LabAuthorities {
  readonly root: CertificateAuthority;
  /** Verified through `root`; it signs the devices' leaves. */
  readonly issuer: CertificateAuthority;
  readonly dps: Dps;
  /** The first hub. */
  readonly hub: IotHub;
  readonly hubs: readonly IotHub[];
  readonly events: EventHubs;
  readonly azurite: Azurite;
  readonly faults: Faults;
  /** PEM of the authority that signed the services' own certificates. */
  readonly caFile: string;
  /** What a fleet needs to find this lab. */
  readonly fleet: Pick<FleetOptions, "dps" | "hub">;
  readonly dial: Dialer;
  /** Environment of a Rollcall app that is to use this lab. */
  settings(webhookSecret: string): Record<string, string>;
  stop(): Promise<void>;
}

export const labHubHostName = "lab-hub.azure-devices.net";

/** Of the hubs of a lab, counted from 0. */
export function hubHostName(index: number): string {
  return index === 0 ? labHubHostName : labHubHostName.replace(".", `-${index + 1}.`);
}

/** Starts everything on 127.0.0.1. Rejects, with all it had started stopped, when one of them fails. */
export async function startLabServices(options: LabServicesOptions): Promise<LabServices> {
  const running: { stop(): Promise<void> }[] = [];
  const keep = <T extends { stop(): Promise<void> }>(service: T): T => {
    running.push(service);
    return service;
  };
  const stop = async (): Promise<void> => {
    for (const service of running.splice(0).reverse()) await service.stop();
  };
  try {
    await mkdir(options.folder, { recursive: true });
    const { root, issuer } = options.state?.authorities ?? newAuthorities();
    const serverCertificate = issueServerCertificate({
      issuer: root,
      dnsNames: ["localhost", "*.azure-devices.net", "*.azure-devices-provisioning.net", armHostName],
      ipAddresses: ["127.0.0.1"],
    });
    const caFile = join(options.folder, "lab-ca.pem");
    await writeFile(caFile, root.certificatePem);

    const faults = options.faults ?? new Faults();
    const storage = options.storageFolder === undefined ? {} : { location: options.storageFolder };
    // The slowest to start, so it starts beside the others; whatever they do, it is waited for and stopped.
    const azuriteStarts = startAzurite(storage);
    keep({ stop: async () => (await azuriteStarts.catch(() => undefined))?.stop() });
    const events = keep(
      await startEventHubs({ faults, switches: options.eventsSwitches ?? {}, port: options.ports?.events ?? 0 }),
    );
    const hub = await startHub(0);
    const hubs = [hub];
    while (hubs.length < (options.hubs ?? 1)) hubs.push(await startHub(hubs.length));
    const resumed = options.state !== undefined && existsSync(options.state.dpsSnapshotFile);
    const dps = keep(
      await startDps({
        hubs: hubs.map(({ link }) => link),
        serverCertificate,
        faults,
        switches: options.dpsSwitches ?? {},
        servicePort: options.ports?.dpsService ?? 0,
        mqttPort: options.ports?.dpsMqtt ?? 0,
        ...(options.state === undefined ? {} : { snapshotFile: options.state.dpsSnapshotFile }),
      }),
    );
    // One who removed it from a lab that is resumed wants it to stay away.
    if (!resumed) dps.store.addVerifiedCa(root.certificatePem, "lab-root");
    const azurite = await azuriteStarts;

    const loopback = { host: "127.0.0.1" };
    const fleet: LabServices["fleet"] = {
      dps: { ...loopback, port: dps.mqttPort, idScope: dps.idScope, ca: root.certificatePem },
      hub: (hostName) => {
        const found = hubs.find((candidate) => candidate.hostName === hostName);
        if (found === undefined) throw new Error(`There is no hub ${hostName} in this lab.`);
        return { ...loopback, port: found.mqttPort };
      },
    };
    const services = { root, issuer, dps, hub, hubs, events, azurite, faults, caFile, fleet };
    return {
      ...services,
      dial: fleetDialer(fleet),
      settings: (webhookSecret) => appSettings(services, webhookSecret),
      stop,
    };

    /** One that reads one event hub hears all hubs; each has its built-in endpoint still. */
    function routesTo(endpoint: string): readonly MessageRoute[] {
      const own = ["DeviceConnectionStateEvents", "DeviceLifecycleEvents"] as const;
      const sources = ["DeviceMessages", ...(options.hubEvents === true ? own : [])] as const;
      return sources.map((source) => ({ name: `${endpoint}-${source}`, source, endpoint }));
    }

    async function startHub(index: number): Promise<IotHub> {
      const hostName = hubHostName(index);
      const { service, mqtt } = options.ports?.hubs[index] ?? { service: 0, mqtt: 0 };
      const snapshot = await options.state?.hubSnapshot(hostName);
      const started = await startIotHub({
        hostName,
        serverCertificate,
        events,
        faults,
        switches: options.hubSwitches ?? {},
        quotas: options.hubQuotas ?? {},
        servicePort: service,
        mqttPort: mqtt,
        ...(snapshot === undefined ? {} : { snapshot }),
        routes: [...routesTo("events"), ...((options.hubs ?? 1) > 1 ? routesTo(allHubsEventHub) : [])],
        resourceLogHub: connectionLogHub,
      });
      const streams = (options.hubs ?? 1) > 1 ? [started.eventHubName, allHubsEventHub] : [started.eventHubName];
      for (const name of streams) events.define({ name, consumerGroups: [catchUpGroup] });
      keep({
        stop: async () => {
          await started.stop();
          await options.state?.saveHub(hostName, started.snapshot());
        },
      });
      return started;
    }
  } catch (error) {
    await stop();
    throw error;
  }
}
