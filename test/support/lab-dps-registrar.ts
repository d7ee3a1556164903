import { createServer } from "node:http";
import { setImmediate } from "node:timers/promises";
import { sharedAccessPolicy } from "../../lab/dps/authorization";
import type { DpsContext } from "../../lab/dps/context";
import { DpsQuotas } from "../../lab/dps/quotas";
import { Registrar } from "../../lab/dps/registration";
import { DpsStore } from "../../lab/dps/store";
import { defaultSwitches, type DpsSwitches } from "../../lab/dps/switches";
import { Faults } from "../../lab/faults/faults";
import type { LabCertificate } from "../../lab/pki/certificates";
import { ManualClock } from "./lab-dps-clock";
import { RecordingHub } from "./lab-dps-hub";

/** The registrations of a DPS without its network, on a clock that a test moves. */
export function startRegistrar(hubNames = ["lab-hub.azure-devices.net"], changed: Partial<DpsSwitches> = {}) {
  const clock = new ManualClock(Date.now());
  const switches = { ...defaultSwitches(), ...changed };
  const hubs = hubNames.map((name) => new RecordingHub(name));
  const store = new DpsStore(clock, switches, () => hubNames);
  const context: DpsContext = {
    name: "lab-dps",
    idScope: "0ne00000001",
    serviceHostName: "lab-dps.azure-devices-provisioning.net",
    clock,
    faults: new Faults(),
    hubs,
    policies: [sharedAccessPolicy()],
    store,
    switches,
    quotas: new DpsQuotas(clock, switches),
  };
  const registrar = new Registrar(context);
  const chain = (leaf: LabCertificate, above: readonly LabCertificate[]) => [leaf.der, ...above.map(({ der }) => der)];
  /** Asks for a registration; its end comes with the clock. */
  const begin = (id: string, leaf: LabCertificate, payload?: unknown, ...above: LabCertificate[]) => {
    const { body } = registrar.register(id, chain(leaf, above), payload);
    const operationId = String(body["operationId"]);
    return {
      operationId,
      poll: () => registrar.poll(id, operationId, chain(leaf, above)),
    };
  };
  /** Lets what is due happen. */
  const pass = async (ms: number) => {
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    clock.advance(ms);
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  };
  return {
    context,
    clock,
    switches,
    store,
    hubs,
    registrar,
    begin,
    pass,
    /** Registers and waits for the end: the registration as the device sees it. */
    register: async (id: string, leaf: LabCertificate, payload?: unknown, ...above: LabCertificate[]) => {
      const operation = begin(id, leaf, payload, ...above);
      await pass(switches.assignDelayMs);
      return operation.poll().body["registrationState"];
    },
    /** The record as the store has it. */
    record: (id: string) => store.registrations.get(id.toLowerCase()),
  };
}

/** A running webhook and what it was asked, in order. */
export interface Webhook {
  readonly url: string;
  readonly requests: unknown[];
  stop(): Promise<void>;
}

/** An allocation webhook; `answer` decides status and body, or never answers with `undefined`. */
export async function startWebhook(
  answer: (request: unknown) => { status: number; body: unknown } | undefined,
): Promise<Webhook> {
  const requests: unknown[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const request: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      requests.push(request);
      const told = answer(request);
      if (!told) return;
      response.writeHead(told.status, { "content-type": "application/json" });
      response.end(JSON.stringify(told.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/allocate`,
    requests,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
