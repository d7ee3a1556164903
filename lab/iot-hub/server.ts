import type { Duplex } from "node:stream";
import { realClock, type LabClock } from "../clock";
import type { EventSink } from "../event-hubs/sink";
import { Faults } from "../faults/faults";
import type { LinkedHub } from "../linked-hub";
import { memoryPair } from "../mqtt/memory-pair";
import { serveMqtt } from "../mqtt/session";
import { listenMqttTls } from "../mqtt/tls-listener";
import { defaultPolicies } from "./authorization";
import { CloudToDevice } from "./cloud-to-device";
import { ConnectionLog } from "./connection-log";
import type { HubCore } from "./core";
import { deviceHandlers } from "./devices";
import { EventGrid } from "./events/event-grid";
import { HubEvents } from "./events/hub-events";
import { streamResourceLogs } from "./events/resource-log";
import { MessageRouter, type MessageRoute } from "./events/routing";
import { serveHttp } from "./http-server";
import { RegistryJobs } from "./jobs/import-export";
import { Jobs } from "./jobs/job-routes";
import { linkTo } from "./link";
import { methodRoutes } from "./methods";
import { Presences } from "./presence";
import { queryRoute } from "./query/query-route";
import type { QuotaListener } from "../quotas/quota-use";
import { HubQuotas, type HubQuotaOptions } from "./quotas";
import { registryRoutes } from "./registry-routes";
import { ReplacedThumbprints } from "./replaced-thumbprints";
import { ScopedClock } from "./scoped-clock";
import { Sessions } from "./sessions";
import { restoreSnapshot, takeSnapshot, type HubSnapshot } from "./snapshot";
import { HubStore } from "./store";
import { defaultHubSwitches, type HubSwitches } from "./switches";
import { twinRoutes } from "./twin-routes";

export interface IotHubOptions {
  /** The hub's full name, such as `lab-hub.azure-devices.net`. */
  readonly hostName: string;
  /** For both listeners: leaf and intermediates as PEM, and the key. */
  readonly serverCertificate: { readonly chainPem: string; readonly privateKeyPem: string };
  /** Where device messages go; the hub defines its event hub there. */
  readonly events: EventSink;
  /** The event hub behind the built-in endpoint; default: the first label of the host name. */
  readonly eventHubName?: string;
  /** Default: 4. */
  readonly partitions?: number;
  /** Default: none, and the fallback route on: all device messages arrive on the built-in endpoint, nothing else. */
  readonly routes?: readonly MessageRoute[];
  readonly fallbackRoute?: boolean;
  /** An event hub for connection logs in the form of Azure Monitor; default: none are written. */
  readonly resourceLogHub?: string;
  /** What `snapshot()` of an earlier hub answered. */
  readonly snapshot?: unknown;
  readonly clock?: LabClock;
  readonly faults?: Faults;
  readonly switches?: Partial<HubSwitches>;
  readonly quotas?: Partial<HubQuotaOptions>;
  /** Default: any free ports of 127.0.0.1. */
  readonly servicePort?: number;
  readonly mqttPort?: number;
}

export interface IotHub {
  readonly hostName: string;
  /** HTTPS: the service API. */
  readonly servicePort: number;
  /** MQTT over TLS: devices. */
  readonly mqttPort: number;
  /** Of the policy `iothubowner`. */
  readonly connectionString: string;
  /** The event hub behind the built-in endpoint. */
  readonly eventHubName: string;
  /** The door for DPS. */
  readonly link: LinkedHub;
  /** Seeding and inspecting. */
  readonly store: HubStore;
  /** May be changed while the hub runs. */
  readonly switches: HubSwitches;
  readonly quotas: HubQuotaOptions;
  /** Calls the listener, instead of an earlier one, for each use of a quota. */
  watchQuotas(listener: QuotaListener): void;
  readonly sessions: Sessions;
  /** Every attempt to connect and every session the hub cut. */
  readonly log: ConnectionLog;
  readonly messages: CloudToDevice;
  readonly router: MessageRouter;
  readonly eventGrid: EventGrid;
  /** The registry as JSON; options take it back. */
  snapshot(): HubSnapshot;
  /**
   * A connection without TLS and socket, for large fleets: the device's end of a stream to speak MQTT on, as if it had
   * presented `certificate` (with `chain` above it) in a handshake.
   */
  connectInMemory(certificate?: { readonly der: Buffer; readonly chain?: readonly Buffer[] }): Duplex;
  stop(): Promise<void>;
}

/** One IoT Hub on loopback. */
export async function startIotHub(options: IotHubOptions): Promise<IotHub> {
  const hostName = options.hostName.toLowerCase();
  const eventHubName = options.eventHubName ?? hostName.split(".")[0] ?? hostName;
  const clock = new ScopedClock(options.clock ?? realClock);
  const core = coreOf(hostName, clock, options);
  if (options.snapshot !== undefined) restoreSnapshot(core.store, options.snapshot);
  options.events.define({ name: eventHubName, partitions: options.partitions ?? 4 });
  const messages = new CloudToDevice(core.store, core.sessions, core.presences);
  const router = new MessageRouter(options.events, eventHubName, options.routes ?? [], options.fallbackRoute ?? true);
  const hubEvents = new HubEvents(core, router);
  const eventGrid = new EventGrid(core, hubEvents, router);
  if (options.resourceLogHub !== undefined) streamResourceLogs(core, options.events, options.resourceLogHub);
  const handlers = deviceHandlers(core, router, messages);

  const mqtt = await listenMqttTls({
    certificate: options.serverCertificate,
    handlers,
    clock: core.clock,
    ...(options.mqttPort === undefined ? {} : { port: options.mqttPort }),
  });
  const jobs = new Jobs(core);
  const routes = [
    queryRoute(core, () => jobs.deviceRows()),
    ...registryRoutes(core),
    ...twinRoutes(core),
    ...methodRoutes(core),
    ...jobs.routes(),
    ...new RegistryJobs(core).routes(),
  ];
  const http = await serveHttp(core, routes, options.serverCertificate, options.servicePort);
  const owner = core.policies.find((policy) => policy.name === "iothubowner");
  return {
    hostName,
    servicePort: http.port,
    mqttPort: mqtt.port,
    connectionString: `HostName=${hostName};SharedAccessKeyName=iothubowner;SharedAccessKey=${owner?.key ?? ""}`,
    eventHubName,
    link: linkTo(core),
    store: core.store,
    switches: core.switches,
    quotas: core.quotas.options,
    watchQuotas: (listener) => {
      core.quotas.onUse = listener;
    },
    sessions: core.sessions,
    log: core.log,
    messages,
    router,
    eventGrid,
    snapshot: () => takeSnapshot(core.store),
    connectInMemory: (certificate) => {
      const [device, hub] = memoryPair();
      const chain = certificate ? [certificate.der, ...(certificate.chain ?? [])] : [];
      const remote = { chain, servername: hostName, ...(certificate ? { certificateDer: certificate.der } : {}) };
      serveMqtt(hub, remote, handlers, core.clock);
      return device;
    },
    stop: async () => {
      for (const session of core.sessions.all()) session.mqtt.end();
      await Promise.all([mqtt.stop(), http.stop()]);
      clock.cancelAll();
    },
  };
}

function coreOf(hostName: string, clock: LabClock, options: IotHubOptions): HubCore {
  const switches: HubSwitches = { ...defaultHubSwitches, ...options.switches };
  const store = new HubStore(clock, () => switches.queryLagMs);
  const presences = new Presences();
  const log = new ConnectionLog();
  return {
    hostName,
    clock,
    faults: options.faults ?? new Faults(),
    store,
    presences,
    sessions: new Sessions(clock, store, presences, switches, log),
    replaced: new ReplacedThumbprints(store, clock, switches),
    switches,
    quotas: new HubQuotas(clock, options.quotas),
    policies: defaultPolicies(),
    log,
  };
}
