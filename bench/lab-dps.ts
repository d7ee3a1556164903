import { fork, type ChildProcess } from "node:child_process";
import { createHmac } from "node:crypto";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { generate, parser, type Packet } from "mqtt-packet";
import { generateKeyPair, issueLeaf, createRoot, selfSignedLeaf, type LabCertificate } from "../lab/pki/certificates";
import type { Bench } from "./bench";
import type { ServerCommand, ServerReport } from "./lab-dps-server";

type Started = Extract<ServerReport, { kind: "started" }>;
type Usage = Extract<ServerReport, { kind: "usage" }>;

const devices = 600;
const writes = 6_000;

/** DPS in a process of its own, its clients in this one. */
export const labDps: Bench = {
  name: "lab-dps",
  summary: "registrations and enrollment writes a second, start and memory of the lab's DPS",
  async run(print) {
    const child = fork(join(__dirname, "lab-dps-server.js"));
    try {
      const spawnedAt = performance.now();
      const started = await next(child, "started");
      print(
        `start: ${started.startMs} ms, ${Math.round(performance.now() - spawnedAt)} ms with the process (aim 1,000)`,
      );
      const idle = await ask(child, { kind: "measure" });
      const writeRate = await measureWrites(started);
      const written = await ask(child, { kind: "measure" });
      print(`enrollment writes over keep-alive: ${writeRate}/s (aim 3,000), ${each(idle, written, writes)}`);
      const leaves = await enrollDevices(started);
      const enrolled = await ask(child, { kind: "measure" });
      const rate = await measureRegistrations(started, leaves);
      const empty = await ask(child, { kind: "measure" });
      print(`registrations over MQTT with an mTLS handshake: ${rate}/s (aim 150), ${each(enrolled, empty, devices)}`);
      const full = await ask(child, { kind: "fill", enrollments: 100_000 });
      print(`memory: ${empty.rssMb} MB after that, ${full.rssMb} MB at ${full.enrollments} enrollments (aim 400)`);
    } finally {
      child.kill();
    }
  },
};

/** On a busy machine the processor time says more than the rate. */
function each(before: Usage, after: Usage, count: number): string {
  return `${((after.cpuMs - before.cpuMs) / count).toFixed(2)} ms of the server's processor each`;
}

async function measureWrites(started: Started): Promise<number> {
  const issuer = createRoot({ commonName: "Bench Root" });
  const keyPair = generateKeyPair();
  const bodies = Array.from({ length: writes }, (_, n) => {
    const { certificatePem: certificate } = issueLeaf({ commonName: `w${n}`, issuer, keyPair });
    const attestation = { type: "x509", x509: { clientCertificates: { primary: { certificate } } } };
    return JSON.stringify({ registrationId: `w${n}`, attestation });
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 16, host: "127.0.0.1", port: started.servicePort });
  const authorization = sas(started.connectionString);
  const rate = await perSecond(writes, 16, (n) => put(started, agent, authorization, `w${n}`, bodies[n] ?? ""));
  agent.destroy();
  return rate;
}

/** The leaves of the devices, each in an individual enrollment. */
async function enrollDevices(started: Started): Promise<LabCertificate[]> {
  const leaves = Array.from({ length: devices }, (_, n) => selfSignedLeaf({ commonName: `r${n}` }));
  const agent = new Agent({ keepAlive: true, maxSockets: 16, host: "127.0.0.1", port: started.servicePort });
  const authorization = sas(started.connectionString);
  await perSecond(devices, 16, (n) => {
    const clientCertificates = { primary: { certificate: leaves[n]?.certificatePem } };
    const attestation = { type: "x509", x509: { clientCertificates } };
    return put(started, agent, authorization, `r${n}`, JSON.stringify({ registrationId: `r${n}`, attestation }));
  });
  agent.destroy();
  return leaves;
}

function measureRegistrations(started: Started, leaves: readonly LabCertificate[]): Promise<number> {
  return perSecond(devices, 24, async (n) => {
    const leaf = leaves[n];
    if (leaf) await register(started, `r${n}`, leaf);
  });
}

/** Runs `work(0…count-1)`, so many at a time, and answers how many finished a second. */
async function perSecond(count: number, atOnce: number, work: (n: number) => Promise<void>): Promise<number> {
  const from = performance.now();
  let nextOne = 0;
  const worker = async () => {
    for (let n = nextOne++; n < count; n = nextOne++) await work(n);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return Math.round((count * 1_000) / (performance.now() - from));
}

function put(started: Started, agent: Agent, authorization: string, id: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        ca: started.serverCaPem,
        servername: "lab-dps.azure-devices-provisioning.net",
        method: "PUT",
        path: `/enrollments/${id}?api-version=2021-10-01`,
        headers: { authorization, "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        response.resume();
        response.on("end", () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`PUT answered ${response.statusCode}`));
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** The packets a device SDK sends, without its waits. */
function register(started: Started, id: string, leaf: LabCertificate): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port: started.mqttPort,
      ca: started.serverCaPem,
      servername: "global.azure-devices-provisioning.net",
      cert: leaf.chainPem,
      key: leaf.privateKeyPem,
    });
    const send = (packet: Packet) => socket.write(generate(packet));
    const publish = (topic: string, payload: string) => {
      send({ cmd: "publish", topic, payload, qos: 0, dup: false, retain: false });
    };
    const packets = parser();
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => packets.parse(chunk));
    packets.on("packet", (packet: Packet) => {
      if (packet.cmd !== "publish") return;
      const answer = JSON.parse(packet.payload.toString()) as { operationId?: string; status?: string };
      if (answer.status === "assigning") {
        const topic = `$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=${answer.operationId ?? ""}`;
        setTimeout(() => publish(topic, " "), 20);
        return;
      }
      socket.destroy();
      if (answer.status === "assigned") resolve();
      else reject(new Error(`registration answered ${packet.payload.toString()}`));
    });
    const username = `${started.idScope}/registrations/${id}/api-version=2019-03-31`;
    send({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clean: true,
      clientId: id,
      keepalive: 180,
      username,
    });
    send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "$dps/registrations/res/#", qos: 0 }] });
    publish("$dps/registrations/PUT/iotdps-register/?$rid=1", "{}");
  });
}

function sas(connectionString: string): string {
  const [, host = "", policy = "", key = ""] =
    /^HostName=(.*);SharedAccessKeyName=(.*);SharedAccessKey=(.*)$/.exec(connectionString) ?? [];
  const expiry = Math.floor(Date.now() / 1_000) + 3_600;
  const signature = createHmac("sha256", Buffer.from(key, "base64")).update(`${host}\n${expiry}`).digest("base64");
  return `SharedAccessSignature sr=${host}&sig=${encodeURIComponent(signature)}&skn=${policy}&se=${expiry}`;
}

function ask(child: ChildProcess, command: ServerCommand): Promise<Usage> {
  const answer = next(child, "usage");
  child.send(command);
  return answer;
}

function next<K extends ServerReport["kind"]>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<ServerReport, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`the DPS of the bench ended with ${code}`));
    child.once("exit", ended);
    child.once("message", (report: ServerReport) => {
      child.off("exit", ended);
      if (isKind(report, kind)) resolve(report);
      else reject(new Error(`expected ${kind}, got ${report.kind}`));
    });
  });
}

function isKind<K extends ServerReport["kind"]>(
  report: ServerReport,
  kind: K,
): report is Extract<ServerReport, { kind: K }> {
  return report.kind === kind;
}
