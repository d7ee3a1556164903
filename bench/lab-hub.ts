import type { ContainerClient } from "@azure/storage-blob";
import { ContainerSASPermissions, BlobServiceClient } from "@azure/storage-blob";
import { EventHubConsumerClient } from "@azure/event-hubs";
import { MqttClient, connect } from "mqtt";
import { createHmac } from "node:crypto";
import { Agent, request } from "node:https";
import { createSecureContext } from "node:tls";
import { startEventHubs, type EventHubs } from "../lab/event-hubs/server";
import { x509Authentication } from "../lab/iot-hub/identity";
import { startIotHub, type IotHub } from "../lab/iot-hub/server";
import { createRoot, issueLeaf, issueServerCertificate, type LabCertificate } from "../lab/pki/certificates";
import { startAzurite } from "../lab/storage/azurite";
import type { Bench } from "./bench";

const hostName = "lab-hub.azure-devices.net";

interface Rig {
  readonly hub: IotHub;
  readonly events: EventHubs;
  readonly caPem: string;
  readonly agent: Agent;
  readonly authorization: string;
  readonly leaf: LabCertificate;
}

export const labHub: Bench = {
  name: "lab-hub",
  summary: "the lab's IoT Hub: connects, registry writes, direct methods, events, memory, import",
  run: async (print) => {
    const started = begin();
    const rig = await startRig();
    print(`start: ${msSince(started).toFixed(0)} ms`);
    try {
      await registryWrites(rig, print);
      await connects(rig, print);
      await methods(rig, print);
      await endToEnd(rig, print);
      await importDevices(rig, print);
    } finally {
      rig.agent.destroy();
      await rig.hub.stop();
      await rig.events.stop();
    }
  },
};

async function startRig(): Promise<Rig> {
  const root = createRoot({ commonName: "Bench root" });
  const serverCertificate = issueServerCertificate({
    issuer: root,
    dnsNames: ["localhost", "*.azure-devices.net"],
    ipAddresses: ["127.0.0.1"],
  });
  const events = await startEventHubs();
  const hub = await startIotHub({ hostName, serverCertificate, events });
  return {
    hub,
    events,
    caPem: root.certificatePem,
    agent: new Agent({ host: "127.0.0.1", port: hub.servicePort, ca: root.certificatePem, keepAlive: true }),
    authorization: tokenOf(hub.connectionString),
    leaf: issueLeaf({ commonName: "bench", issuer: root }),
  };
}

async function registryWrites(rig: Rig, print: (line: string) => void): Promise<void> {
  const count = 6_000;
  const body = JSON.stringify({
    authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: rig.leaf.sha256Thumbprint } },
  });
  const started = begin();
  await inParallel(count, 32, (index) => put(rig, `/devices/write-${index}?api-version=2021-04-12`, body));
  print(`registry writes (client and server in one process): ${rate(count, started)}`);
}

/** Devices over mTLS, all with one certificate: the handshake costs the same and issuing is not what is measured. */
async function connects(rig: Rig, print: (line: string) => void): Promise<void> {
  const count = 400;
  const secureContext = createSecureContext({
    cert: rig.leaf.chainPem,
    key: rig.leaf.privateKeyPem,
    ca: rig.caPem,
  });
  const clients: MqttClient[] = [];
  for (let index = 0; index < count; index += 1) seed(rig, `tls-${index}`);
  const memoryBefore = process.memoryUsage().rss;
  const started = begin();
  await inParallel(count, 16, async (index) => {
    const deviceId = `tls-${index}`;
    const options = {
      ...mqttOptions(deviceId),
      servername: hostName,
      secureContext,
      ca: rig.caPem,
    };
    const client = connect(`mqtts://127.0.0.1:${rig.hub.mqttPort}`, options);
    clients.push(client);
    await connected(client);
  });
  print(`mTLS connects (client and server in one process): ${rate(count, started)}`);
  const perPair = (process.memoryUsage().rss - memoryBefore) / count / 1_024;
  print(`memory per connected device pair (mTLS): ${perPair.toFixed(0)} KB`);
  for (const client of clients) client.end(true);
}

async function methods(rig: Rig, print: (line: string) => void): Promise<void> {
  const devices = 500;
  const calls = 5_000;
  const clients = await inMemoryFleet(rig, devices, "mem");
  const body = JSON.stringify({ methodName: "report", payload: { rollId: "r" } });
  const started = begin();
  await inParallel(calls, 64, (index) =>
    send(rig, "POST", `/twins/mem-${index % devices}/methods?api-version=2021-04-12`, body),
  );
  print(`direct method round trips over HTTPS (in-memory devices): ${rate(calls, started)}`);
  for (const client of clients) client.end(true);
}

async function endToEnd(rig: Rig, print: (line: string) => void): Promise<void> {
  const devices = 200;
  const messages = 20_000;
  const clients = await inMemoryFleet(rig, devices, "evt");
  const consumer = new EventHubConsumerClient("$Default", rig.events.connectionString(rig.hub.eventHubName));
  let received = 0;
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  consumer.subscribe(
    {
      processEvents: (batch) => {
        received += batch.length;
        if (received >= messages) done();
        return Promise.resolve();
      },
      processError: () => Promise.resolve(),
    },
    { startPosition: { offset: "-1" }, maxBatchSize: 500 },
  );
  const started = begin();
  await inParallel(messages, 64, async (index) => {
    const client = clients[index % devices];
    await client?.publishAsync(`devices/evt-${index % devices}/messages/events/messageType=heartbeat`, "", { qos: 1 });
  });
  const taken = rate(messages, started);
  await all;
  print(`events taken: ${taken}; out of the official consumer, end to end: ${rate(messages, started)}`);
  await consumer.close();
  for (const client of clients) client.end(true);
}

async function importDevices(rig: Rig, print: (line: string) => void): Promise<void> {
  const count = 100_000;
  const azurite = await startAzurite({ inMemory: true });
  try {
    const containerUri = await containerWith(azurite.connectionString, count, rig.leaf.sha256Thumbprint);
    const started = begin();
    const job = { type: "import", inputBlobContainerUri: containerUri, outputBlobContainerUri: containerUri };
    const { jobId } = JSON.parse(
      await send(rig, "POST", "/jobs/create?api-version=2021-04-12", JSON.stringify(job)),
    ) as { jobId: string };
    for (let status = ""; status !== "completed";) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ({ status } = JSON.parse(await send(rig, "GET", `/jobs/${jobId}?api-version=2021-04-12`, "")) as {
        status: string;
      });
      if (status === "failed") throw new Error("The import failed.");
    }
    print(`import of ${count.toLocaleString("en")} identities: ${(msSince(started) / 1_000).toFixed(1)} s`);
    print(`memory with ${rig.hub.store.size.toLocaleString("en")} identities: ${megabytes(process.memoryUsage().rss)}`);
  } finally {
    await azurite.stop();
  }
}

async function containerWith(connectionString: string, count: number, thumbprint: string): Promise<string> {
  const container: ContainerClient =
    BlobServiceClient.fromConnectionString(connectionString).getContainerClient("bench");
  await container.create();
  const authentication = { type: "selfSigned", x509Thumbprint: { primaryThumbprint: thumbprint } };
  const lines = Array.from({ length: count }, (_unused, index) =>
    JSON.stringify({ id: `import-${index}`, importMode: "create", status: "enabled", authentication }),
  ).join("\n");
  await container.getBlockBlobClient("devices.txt").upload(lines, Buffer.byteLength(lines));
  return container.generateSasUrl({
    permissions: ContainerSASPermissions.parse("rwdl"),
    expiresOn: new Date(Date.now() + 3_600_000),
  });
}

/** Devices that answer every method, on streams instead of sockets. */
async function inMemoryFleet(rig: Rig, count: number, prefix: string): Promise<MqttClient[]> {
  const clients: MqttClient[] = [];
  await inParallel(count, 32, async (index) => {
    const deviceId = `${prefix}-${index}`;
    seed(rig, deviceId);
    const open = (): ConstructorParameters<typeof MqttClient>[0] extends (client: MqttClient) => infer S ? S : never =>
      rig.hub.connectInMemory({ der: rig.leaf.der });
    const client = new MqttClient(open, mqttOptions(deviceId));
    clients[index] = client;
    await connected(client);
    client.on("message", (topic) => {
      const requestId = /rid=(.*)$/.exec(topic)?.[1];
      if (requestId !== undefined) client.publish(`$iothub/methods/res/200/?$rid=${requestId}`, "{}");
    });
    await client.subscribeAsync("$iothub/methods/POST/#");
  });
  return clients;
}

function seed(rig: Rig, deviceId: string): void {
  rig.hub.store.seed(deviceId, { authentication: x509Authentication(rig.leaf.sha256Thumbprint) });
}

function mqttOptions(deviceId: string) {
  return {
    protocolVersion: 4 as const,
    clientId: deviceId,
    username: `${hostName}/${deviceId}/?api-version=2021-04-12`,
    reconnectPeriod: 0,
  };
}

function connected(client: MqttClient): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once("connect", () => resolve());
    client.on("error", reject);
  });
}

async function put(rig: Rig, path: string, body: string): Promise<void> {
  await send(rig, "PUT", path, body);
}

function send(rig: Rig, method: string, path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: rig.authorization,
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
    };
    const call = request({ agent: rig.agent, host: hostName, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${response.statusCode ?? 0} ${text}`));
      });
    });
    call.on("error", reject);
    call.end(body);
  });
}

async function inParallel(count: number, width: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await act(index);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

function tokenOf(connectionString: string): string {
  const key = /SharedAccessKey=(.+)$/.exec(connectionString)?.[1] ?? "";
  const expiry = Math.trunc(Date.now() / 1_000) + 3_600;
  const signature = createHmac("sha256", Buffer.from(key, "base64")).update(`${hostName}\n${expiry}`).digest("base64");
  return `SharedAccessSignature sr=${hostName}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=iothubowner`;
}

/** A moment, by the clock on the wall and by what this process has used of the processor. */
interface Moment {
  readonly wallMs: number;
  readonly cpuMs: number;
}

function begin(): Moment {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.now(), cpuMs: (user + system) / 1_000 };
}

function msSince(started: Moment): number {
  return begin().wallMs - started.wallMs;
}

/** On a busy machine the processor time says more than the rate. */
function rate(count: number, started: Moment): string {
  const now = begin();
  const perSecond = Math.round((count * 1_000) / (now.wallMs - started.wallMs)).toLocaleString("en");
  const each = ((now.cpuMs - started.cpuMs) / count).toFixed(2);
  return `${perSecond}/s (${each} ms of processor each, both sides)`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MB`;
}
