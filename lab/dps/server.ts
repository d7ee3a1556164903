import type { Duplex } from "node:stream";
import { realClock, type LabClock } from "../clock";
import { Faults } from "../faults/faults";
import type { LinkedHub } from "../linked-hub";
import { memoryPair } from "../mqtt/memory-pair";
import { serveMqtt, type MqttSession } from "../mqtt/session";
import { listenMqttTls } from "../mqtt/tls-listener";
import type { LabCertificate } from "../pki/certificates";
import { allRights, sharedAccessPolicy, type DpsRight, type SharedAccessPolicy } from "./authorization";
import type { DpsContext } from "./context";
import { deviceMqtt } from "./device-mqtt";
import { listenHttps } from "./https-listener";
import type { QuotaListener } from "../quotas/quota-use";
import { DpsQuotas, dpsLimits } from "./quotas";
import { Registrar } from "./registration";
import { route } from "./routes";
import { loadSnapshot, saveSnapshot } from "./snapshot";
import { DpsStore } from "./store";
import { defaultSwitches, type DpsSwitches } from "./switches";

/** What a DPS is started with; everything but hubs and certificate has a default. */
export interface DpsOptions {
  readonly clock?: LabClock;
  readonly faults?: Faults;
  /** The linked hubs, at most 50. */
  readonly hubs: readonly LinkedHub[];
  /** For all listeners; needs the names of the lab's hosts. */
  readonly serverCertificate: LabCertificate;
  readonly switches?: Partial<DpsSwitches>;
  /** The ARM name and first label of the service host; default `lab-dps`. */
  readonly name?: string;
  /** Default `0ne00000001`. */
  readonly idScope?: string;
  /** Default: any free port of 127.0.0.1. */
  readonly servicePort?: number;
  readonly mqttPort?: number;
  /** A file that holds the state while the service is stopped: read at the start if it exists, written at `stop`. */
  readonly snapshotFile?: string;
}

/** A running Device Provisioning Service on loopback. */
export interface Dps {
  readonly name: string;
  readonly serviceHostName: string;
  readonly idScope: string;
  /** Of the policy `provisioningserviceowner`; the host name needs an agent that leads it to `servicePort`. */
  readonly connectionString: string;
  /** HTTPS: service API, device API and ARM, told apart by path. */
  readonly servicePort: number;
  /** MQTT over TLS: device API. */
  readonly mqttPort: number;
  readonly store: DpsStore;
  /** May be changed at any time. */
  readonly switches: DpsSwitches;
  readonly faults: Faults;
  /** Calls the listener, instead of an earlier one, for each use of a quota. */
  watchQuotas(listener: QuotaListener): void;
  /** Adds a shared access policy and answers its connection string. */
  addPolicy(name: string, rights: readonly DpsRight[]): string;
  /**
   * A connection without TLS and socket, for large fleets: the device's end of a stream to speak MQTT on, as if it had
   * presented `certificate` (with `chain` above it) in a handshake.
   */
  connectInMemory(certificate?: { readonly der: Buffer; readonly chain?: readonly Buffer[] }): Duplex;
  /** Closes the listeners and all connections; registrations on their way to a hub are dropped. */
  stop(): Promise<void>;
}

/** Starts a DPS. Rejects when a port is taken, too many hubs are linked or the snapshot cannot be read. */
export async function startDps(options: DpsOptions): Promise<Dps> {
  if (options.hubs.length > dpsLimits.linkedHubs)
    throw new Error(`At most ${dpsLimits.linkedHubs} hubs can be linked.`);
  const { clock = realClock, hubs, name = "lab-dps", snapshotFile } = options;
  const switches = { ...defaultSwitches(), ...options.switches };
  const store = new DpsStore(clock, switches, () => hubs.map(({ hostName }) => hostName));
  const owner = sharedAccessPolicy("provisioningserviceowner", allRights);
  const policies: SharedAccessPolicy[] = [owner];
  if (snapshotFile !== undefined) {
    const loaded = await loadSnapshot(snapshotFile, store, clock.now());
    if (loaded) policies.splice(0, policies.length, ...loaded);
  }
  const context: DpsContext = {
    name,
    idScope: options.idScope ?? "0ne00000001",
    serviceHostName: `${name}.azure-devices-provisioning.net`,
    clock,
    faults: options.faults ?? new Faults(),
    hubs,
    policies,
    store,
    switches,
    quotas: new DpsQuotas(clock, switches),
  };
  const registrar = new Registrar(context);
  const certificate = options.serverCertificate;
  const https = await listenHttps({
    certificate,
    port: options.servicePort ?? 0,
    now: () => clock.now(),
    answer: (request) => route(request, context, registrar),
  });
  const handlers = deviceMqtt(context, registrar);
  const inMemory = new Set<MqttSession>();
  const mqtt = await listenMqttTls({
    certificate,
    handlers,
    port: options.mqttPort ?? 0,
    clock,
  }).catch(async (error: unknown) => {
    await https.stop();
    throw error;
  });
  return {
    name,
    serviceHostName: context.serviceHostName,
    idScope: context.idScope,
    connectionString: connectionString(context.serviceHostName, policies[0] ?? owner),
    servicePort: https.port,
    mqttPort: mqtt.port,
    store,
    switches,
    faults: context.faults,
    watchQuotas: (listener) => {
      context.quotas.onUse = listener;
    },
    addPolicy: (policyName, rights) => {
      const policy = sharedAccessPolicy(policyName, rights);
      policies.push(policy);
      return connectionString(context.serviceHostName, policy);
    },
    connectInMemory: (presented) => {
      const [device, service] = memoryPair();
      const chain = presented ? [presented.der, ...(presented.chain ?? [])] : [];
      const remote = { chain, ...(presented ? { certificateDer: presented.der } : {}) };
      const session = serveMqtt(service, remote, handlers, clock);
      inMemory.add(session);
      service.once("close", () => inMemory.delete(session));
      return device;
    },
    stop: async () => {
      registrar.stop();
      for (const session of inMemory) session.end();
      await Promise.all([https.stop(), mqtt.stop()]);
      if (snapshotFile !== undefined) await saveSnapshot(snapshotFile, store, policies);
    },
  };
}

function connectionString(host: string, policy: SharedAccessPolicy): string {
  return `HostName=${host};SharedAccessKeyName=${policy.name};SharedAccessKey=${policy.key}`;
}
