import { NoRetry, SharedAccessSignature } from "azure-iot-common";
import { Client } from "azure-iothub";
import { RestApiClient } from "azure-iothub/dist/common-http/rest_api_client";
import { verify, X509Certificate } from "node:crypto";
import { EventEmitter } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAttacker } from "../../../lab/fleet/attacker";
import type { Attacker } from "../../../lab/fleet/attacker";
import { startFleet } from "../../../lab/fleet/fleet";
import type { DeviceSpec, Fleet } from "../../../lab/fleet/fleet";
import { sdkTransport } from "../../../lab/fleet/sdk-transport";
import type { KeyReport } from "../../../lab/fleet/stolen-key";
import { x509Authentication } from "../../../lab/iot-hub/identity";
import { issueLeaf } from "../../../lab/pki/certificates";
import type { LabCertificate } from "../../../lab/pki/certificates";
import { labHubHostName, startLabServices } from "../../../lab/scenarios/lab-services";
import type { LabServices } from "../../../lab/scenarios/lab-services";

let folder: string;
let lab: LabServices;
let service: Client;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-test-"));
  lab = await startLabServices({ folder, dpsSwitches: { retryAfterSeconds: 0, assignDelayMs: 20 } });
  service = serviceClient(lab);
});
afterAll(async () => {
  await lab.stop();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

/** The official client for direct methods; it sends them over HTTPS, its AMQP side is not used. */
function serviceClient({ hub, root }: LabServices): Client {
  const { SharedAccessKeyName: policy = "", SharedAccessKey: key = "" } = Object.fromEntries(
    hub.connectionString
      .split(";")
      .map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]),
  ) as Record<string, string>;
  const expiry = Math.floor(Date.now() / 1_000) + 3_600;
  const token = SharedAccessSignature.create(labHubHostName, policy, key, expiry).toString();
  const rest = new RestApiClient({ host: labHubHostName, sharedAccessSignature: token }, "fleet-tests/1");
  const client = new Client(new EventEmitter() as unknown as ConstructorParameters<typeof Client>[0], rest);
  client.setRetryPolicy(new NoRetry());
  const agent = new Agent({ host: "127.0.0.1", port: hub.servicePort, ca: root.certificatePem });
  rest.setOptions({ http: { agent } }); // the constructor replaces the agent, so it is set afterwards
  return client;
}

interface Enrolled {
  readonly registrationId: string;
  readonly active: LabCertificate;
  readonly standby: LabCertificate;
}

const inSlots = (registrationId: string, primary: LabCertificate): void => {
  lab.dps.store.seedEnrollment({
    registrationId,
    attestation: {
      type: "x509",
      x509: { clientCertificates: { primary: { certificate: primary.certificatePem } } },
    },
  });
};

const enroll = (registrationId: string): Enrolled => {
  const leaf = () => issueLeaf({ commonName: registrationId, issuer: lab.issuer });
  const device = { registrationId, active: leaf(), standby: leaf() };
  inSlots(registrationId, device.active);
  return device;
};

/** What a product does to contain a breach, in one moment: the new leaf in DPS, a disabled identity at the hub. */
const contain = ({ registrationId, standby }: Enrolled): void => {
  inSlots(registrationId, standby);
  const sentinel = x509Authentication("5".repeat(64), "5".repeat(64));
  lab.hub.store.seed(registrationId, { status: "disabled", authentication: sentinel });
};

const enable = ({ registrationId }: Enrolled): void => {
  const { authentication } = lab.hub.store.get(registrationId).identity;
  lab.hub.store.seed(registrationId, { status: "enabled", authentication });
};

const start = async (devices: DeviceSpec[]): Promise<Fleet> => {
  const fleet = startFleet({
    ...lab.fleet,
    devices,
    timing: { heartbeatMs: 200, backoffBaseMs: 20, backoffCapMs: 100 },
  });
  running.push(fleet);
  await fleet.connected();
  return fleet;
};

const steal = (devices: Enrolled[], hold: boolean): Attacker => {
  const attacker = startAttacker({
    dial: lab.dial,
    idScope: lab.dps.idScope,
    keys: devices.map(({ registrationId, active }) => ({
      registrationId,
      hubHostName: labHubHostName,
      credential: active,
      hold,
    })),
    timing: { dpsEveryMs: 20, hubEveryMs: 50, sendEveryMs: 20 },
  });
  running.push(attacker);
  return attacker;
};

const eventually = async <T>(find: () => T | undefined): Promise<T> => {
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 10));
  }
};

const events = (deviceId: string) =>
  lab.events.store
    .read(lab.hub.eventHubName)
    .filter((event) => event.annotations["iothub-connection-device-id"] === deviceId);

const reports = (deviceId: string) =>
  events(deviceId)
    .filter((event) => event.applicationProperties["messageType"] === "rollReport")
    .map((event) => JSON.parse(event.body.toString()) as Record<string, string>);

const verifies = (report: Record<string, string>, deviceId: string, leaf: LabCertificate): boolean =>
  verify(
    "sha256",
    Buffer.from(`${report["rollId"]}|${report["attemptId"]}|${report["nonce"]}|${deviceId}`),
    new X509Certificate(leaf.certificatePem).publicKey,
    Buffer.from(report["signature"] ?? "", "base64"),
  );

const order = { rollId: "roll-1", attemptId: "a1", nonce: "n1" };
const call = async (deviceId: string, methodName: string, payload: unknown) => {
  const { result } = (await service.invokeDeviceMethod(deviceId, { methodName, payload })) as {
    result: { status: number };
  };
  return result.status;
};

const kinds: [string, string, () => Pick<DeviceSpec, "transport">][] = [
  ["mqtt.js", "pump-js", () => ({})],
  ["the official SDKs", "pump-sdk", () => ({ transport: sdkTransport({ dial: lab.dial, idScope: lab.dps.idScope }) })],
];

describe.each(kinds)("a device on %s", (_name, prefix, transport) => {
  test("is provisioned, connects and sends heartbeats the hub's consumers can read", async () => {
    const device = enroll(`${prefix}-1`);
    await start([{ ...device, ...transport() }]);
    const heartbeat = await eventually(() => events(`${prefix}-1`)[0]);
    expect(heartbeat.body).toHaveLength(0);
    expect(heartbeat.applicationProperties).toMatchObject({
      messageType: "heartbeat",
      certThumbprint: device.active.sha256Thumbprint,
    });
    expect(lab.hub.store.get(`${prefix}-1`).identity.authentication).toMatchObject({
      primaryThumbprint: device.active.sha256Thumbprint,
    });
  });

  test("heals itself after containment and reports over the new key", async () => {
    const device = enroll(`${prefix}-2`);
    const fleet = await start([{ ...device, ...transport() }]);
    contain(device);
    await eventually(() => {
      const { primaryThumbprint } = lab.hub.store.get(`${prefix}-2`).identity.authentication;
      return primaryThumbprint === device.standby.sha256Thumbprint ? true : undefined;
    });
    enable(device);
    await eventually(() => (fleet.device(`${prefix}-2`).isConnected() ? true : undefined));
    expect(await call(`${prefix}-2`, "report", order)).toBe(202);
    const report = await eventually(() => reports(`${prefix}-2`)[0]);
    expect(report).toMatchObject({ ...order, phase: "connected", sha256Thumbprint: device.standby.sha256Thumbprint });
    expect(verifies(report, `${prefix}-2`, device.standby)).toBe(true);
  });

  test("reprovisions on command and says so with the new key", async () => {
    const device = enroll(`${prefix}-3`);
    const fleet = await start([{ ...device, ...transport() }]);
    inSlots(`${prefix}-3`, device.standby);
    const status = await call(`${prefix}-3`, "reprovision", {
      ...order,
      reason: "expiry",
      deadline: new Date(Date.now() + 60_000).toISOString(),
      spreadSeconds: 0,
      chainPem: device.standby.chainPem,
    });
    expect(status).toBe(202);
    const report = await eventually(() => reports(`${prefix}-3`)[0]);
    expect(verifies(report, `${prefix}-3`, device.standby)).toBe(true);
    expect(await call(`${prefix}-3`, "commit", { rollId: "roll-1" })).toBe(200);
    expect(fleet.device(`${prefix}-3`).acts("roll-1", "a1")).toBe(1);
  });
});

test("a thief with every key gets in before containment, and nowhere after it", async () => {
  const devices = [enroll("pump-t1"), enroll("pump-t2")];
  const fleet = await start(devices);
  for (const { registrationId } of devices) fleet.device(registrationId).goOffline();
  const attacker = steal(devices, true);
  await attacker.holding();
  const works = (key: KeyReport): boolean => key.dps.accepted > 0 && key.session.accepted > 1;
  await eventually(() => (attacker.report().every(works) ? true : undefined));

  devices.forEach(contain);
  const containedAt = Date.now();
  const settledMs = 1_000;
  const shut = (key: KeyReport): boolean =>
    !key.holding && key.dps.refusedSince !== undefined && key.hub.refusedSince !== undefined;
  await eventually(() => (attacker.report().every(shut) ? true : undefined));
  // A registration that DPS had accepted before it was closed may have put the old leaf back meanwhile: settled now, the
  // sentinels are written again before anything is enabled, as a release does after its fresh read.
  devices.forEach(contain);
  devices.forEach(enable);
  const triesThen = attacker.report().map(({ hub, dps }) => hub.tries + dps.tries);
  await eventually(() =>
    attacker.report().every(({ hub, dps }, at) => hub.tries + dps.tries > (triesThen[at] ?? 0) + 5) ? true : undefined,
  );
  for (const key of attacker.report()) {
    expect(key.hub).toMatchObject({ lastRefusal: expect.stringContaining("5") as unknown });
    // Accepted before closure, a registration may be answered after it.
    expect(key.dps.lastAcceptedAt).toBeLessThan(containedAt + settledMs);
    expect(key.hub.lastAcceptedAt).toBeLessThan(containedAt);
    // The hub drops a session some milliseconds after the write, as Azure does.
    expect(key.session.lastAcceptedAt).toBeLessThan(containedAt + lab.hub.switches.dropDelayMs + settledMs);
    expect(key.holding).toBe(false);
  }
});

test("a thief who holds a session is told what the device is told, and answers with reports that no new key has signed", async () => {
  const device = enroll("pump-forged");
  const fleet = await start([device]);
  fleet.device("pump-forged").goOffline();
  const attacker = steal([device], true);
  await attacker.holding();
  expect(await call("pump-forged", "report", order)).toBe(202);
  expect(attacker.methods("pump-forged")).toEqual([{ name: "report", payload: order }]);
  await attacker.forgeReport({ registrationId: "pump-forged", ...order, newChainPem: device.standby.chainPem });
  const report = await eventually(() => reports("pump-forged")[0]);
  expect(report).toMatchObject({ phase: "connected", sha256Thumbprint: device.standby.sha256Thumbprint });
  expect(verifies(report, "pump-forged", device.standby)).toBe(false);
  expect(verifies(report, "pump-forged", device.active)).toBe(true);
});

test("a message cannot be sent with a key that holds no session", async () => {
  const device = enroll("pump-none");
  const attacker = steal([device], false);
  await expect(attacker.send("pump-none", { properties: {} })).rejects.toThrow(/No session/);
  await expect(async () => attacker.send("pump-unknown", { properties: {} })).rejects.toThrow(/No key of pump-unknown/);
});
