import type { AddressInfo, Server, Socket } from "node:net";
import { create_container, type Connection, type Container, type EventContext } from "rhea";
import { realClock, type LabClock } from "../clock";
import { Faults } from "../faults/faults";
import type { SharedAccessPolicy } from "./authorization";
import { ClientLinks } from "./links";
import type { Retention } from "./partition";
import { defaultRetention } from "./partition";
import { Readers } from "./readers";
import type { EventHubDefinition, EventSink } from "./sink";
import { EventHubsStore } from "./store";
import type { EventHubsSwitches } from "./switches";

export interface EventHubsOptions {
  readonly clock?: LabClock;
  /** Operations: `events.send` (subject: event hub), `events.receive` (subject: event hub/group/partition). */
  readonly faults?: Faults;
  /** Default: none; more can be defined later through `store.define`. */
  readonly hubs?: readonly EventHubDefinition[];
  readonly retention?: Partial<Retention>;
  readonly switches?: Partial<EventHubsSwitches>;
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number;
  readonly policy?: SharedAccessPolicy;
}

export interface EventHubs extends EventSink {
  readonly port: number;
  readonly store: EventHubsStore;
  readonly switches: EventHubsSwitches;
  readonly policy: SharedAccessPolicy;
  /** For `@azure/event-hubs`: plain AMQP on loopback, as for Microsoft's own Event Hubs emulator. */
  connectionString(hub?: string): string;
  /** Cuts every connection as a network fault would; the port stays open. */
  cutConnections(): void;
  stop(): Promise<void>;
}

/** An Event Hubs namespace on loopback, in memory. */
export async function startEventHubs(options: EventHubsOptions = {}): Promise<EventHubs> {
  const clock = options.clock ?? realClock;
  const store = new EventHubsStore(clock, { ...defaultRetention, ...options.retention }, options.switches);
  for (const hub of options.hubs ?? []) store.define(hub);
  const policy = options.policy ?? { name: "RootManageSharedAccessKey", key: "bGFiLWV2ZW50LWh1YnMta2V5" };
  const container = create_container({ id: "lab-event-hubs" });
  serveConnections(container, { store, policy, clock, faults: options.faults ?? new Faults(), readers: new Readers() });

  const server: Server = container.listen({
    port: options.port ?? 0,
    host: "127.0.0.1",
    max_frame_size: 65_536,
    receiver_options: { autoaccept: false, max_message_size: maximumMessageBytes, credit_window: 300 },
    sender_options: { snd_settle_mode: 1 },
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  const port = await listening(server);
  const cutConnections = () => {
    // rhea notices a lost connection by "end" or "error" only: without an error its readers and timers would stay
    for (const socket of sockets) socket.destroy(new Error("The lab cut this connection."));
  };
  return {
    port,
    store,
    switches: store.switches,
    policy,
    define: (definition) => void store.define(definition),
    append: (hub, event) => store.append(hub, event),
    connectionString: (hub) =>
      `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=${policy.name};SharedAccessKey=${policy.key};UseDevelopmentEmulator=true` +
      (hub === undefined ? "" : `;EntityPath=${hub}`),
    cutConnections,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cutConnections();
      await closed;
    },
  };
}

/** Microsoft docs, event-hubs-quotas: 1 MB in the tiers above Basic. */
const maximumMessageBytes = 1_048_576;

interface Served {
  readonly store: EventHubsStore;
  readonly policy: SharedAccessPolicy;
  readonly clock: LabClock;
  readonly faults: Faults;
  readonly readers: Readers;
}

function serveConnections(container: Container, served: Served): void {
  const clients = new WeakMap<Connection, ClientLinks>();
  const clientOf = (context: EventContext): ClientLinks => {
    const known = clients.get(context.connection);
    if (known) return known;
    const links = new ClientLinks(served, maximumMessageBytes);
    clients.set(context.connection, links);
    return links;
  };
  container.on("sender_open", (context: EventContext) => clientOf(context).consumerOpened(context));
  container.on("receiver_open", (context: EventContext) => clientOf(context).producerOpened(context));
  container.on("message", (context: EventContext) => void clientOf(context).received(context));
  // without a listener rhea throws these out of the socket's data handler
  for (const event of ["error", "protocol_error", "connection_error", "session_error", "sender_error"]) {
    container.on(event, () => undefined);
  }
  for (const event of ["receiver_error", "disconnected", "connection_close", "session_close"]) {
    container.on(event, () => undefined);
  }
}

async function listening(server: Server): Promise<number> {
  if (!server.listening) {
    await new Promise<void>((resolve, reject) => {
      server.once("listening", resolve);
      server.once("error", reject);
    });
  }
  server.on("error", () => undefined);
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("The listener has no port.");
  return address.port;
}
