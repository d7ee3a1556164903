import { request } from "node:https";
import { startDps } from "../../../lab/dps/server";
import type { Dps } from "../../../lab/dps/server";
import { startEventHubs } from "../../../lab/event-hubs/server";
import type { EventHubs } from "../../../lab/event-hubs/server";
import { startFleet } from "../../../lab/fleet/fleet";
import type { DeviceSpec, Fleet } from "../../../lab/fleet/fleet";
import { memoryDialer } from "../../../lab/fleet/memory-dialer";
import { x509Authentication } from "../../../lab/iot-hub/identity";
import { startIotHub } from "../../../lab/iot-hub/server";
import type { IotHub } from "../../../lab/iot-hub/server";
import { createRoot, issueLeaf, issueServerCertificate } from "../../../lab/pki/certificates";
import type { LabCertificate } from "../../../lab/pki/certificates";
import { hostName, tokenFor, until } from "../iot-hub/harness";

const root = createRoot({ commonName: "Memory fleet root" });
const size = 300;

let events: EventHubs;
let hub: IotHub;
let dps: Dps;
let fleet: Fleet | undefined;

beforeEach(async () => {
  const serverCertificate = issueServerCertificate({
    issuer: root,
    dnsNames: ["localhost", "*.azure-devices.net", "*.azure-devices-provisioning.net"],
    ipAddresses: ["127.0.0.1"],
  });
  events = await startEventHubs();
  hub = await startIotHub({ hostName, serverCertificate, events });
  const switches = { retryAfterSeconds: 0, assignDelayMs: 10 };
  dps = await startDps({ hubs: [hub.link], serverCertificate, switches });
});
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
  await dps.stop();
  await hub.stop();
  await events.stop();
});

interface Enrolled {
  readonly registrationId: string;
  readonly active: LabCertificate;
  readonly standby: LabCertificate;
}

const inSlots = (registrationId: string, primary: LabCertificate): void => {
  const clientCertificates = { primary: { certificate: primary.certificatePem } };
  dps.store.seedEnrollment({ registrationId, attestation: { type: "x509", x509: { clientCertificates } } });
};

const enroll = (registrationId: string): Enrolled => {
  const leaf = () => issueLeaf({ commonName: registrationId, issuer: root });
  const device = { registrationId, active: leaf(), standby: leaf() };
  inSlots(registrationId, device.active);
  return device;
};

const start = (devices: readonly DeviceSpec[]): Fleet => {
  fleet = startFleet({
    devices,
    dial: memoryDialer({ dps, hubs: [hub] }),
    dps: { idScope: dps.idScope },
    timing: { backoffBaseMs: 20, backoffCapMs: 100 },
  });
  return fleet;
};

const report = (deviceId: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const path = `/twins/${deviceId}/methods?api-version=2021-04-12`;
    const headers = { authorization: tokenFor(hub.connectionString), "content-type": "application/json" };
    const to = { host: "127.0.0.1", port: hub.servicePort, servername: hostName, ca: root.certificatePem };
    const call = request({ ...to, method: "POST", path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => resolve(text));
    });
    call.on("error", reject);
    call.end(JSON.stringify({ methodName: "report", payload: { rollId: "r", attemptId: "a", nonce: "n" } }));
  });

/** The devices whose messages of this type the hub has taken, and the thumbprint that each named last. */
const heardFrom = (messageType: string): Map<string, unknown> =>
  new Map(
    events.store
      .read(hub.eventHubName)
      .filter((event) => event.applicationProperties["messageType"] === messageType)
      .map((event) => [
        String(event.annotations["iothub-connection-device-id"]),
        event.applicationProperties["certThumbprint"],
      ]),
  );

test("three hundred devices without TLS register, connect, beat and obey; contained ones heal themselves", async () => {
  const devices = Array.from({ length: size }, (_unused, index) => enroll(`mem-${index}`));
  const started = start(devices);
  await started.connected();
  expect(hub.sessions.deviceCount()).toBe(size);
  await until(() => heardFrom("heartbeat").size === size);
  expect(heardFrom("heartbeat")).toEqual(
    new Map(devices.map(({ registrationId, active }) => [registrationId, active.sha256Thumbprint])),
  );
  for (const { registrationId } of devices)
    expect(JSON.parse(await report(registrationId))).toMatchObject({ status: 202 });
  await until(() => heardFrom("rollReport").size === size);

  const stolen = devices.slice(0, 5);
  for (const { registrationId, standby } of stolen) {
    inSlots(registrationId, standby);
    const nobody = "5".repeat(64);
    hub.store.seed(registrationId, { status: "disabled", authentication: x509Authentication(nobody, nobody) });
  }
  const thumbprint = (id: string) => hub.store.get(id).identity.authentication.primaryThumbprint;
  await until(() => stolen.every((device) => thumbprint(device.registrationId) === device.standby.sha256Thumbprint));
  for (const { registrationId } of stolen) {
    expect(hub.sessions.get(registrationId)).toBeUndefined();
    hub.store.seed(registrationId, { authentication: hub.store.get(registrationId).identity.authentication });
  }
  await until(() =>
    stolen.every(
      (device) => hub.sessions.get(device.registrationId)?.sha256Thumbprint === device.standby.sha256Thumbprint,
    ),
  );
  for (const { registrationId, active } of devices.slice(5))
    expect(hub.sessions.get(registrationId)?.sha256Thumbprint).toBe(active.sha256Thumbprint);
}, 60_000);

test("a device is whoever's certificate it hands over: with another one DPS refuses it", async () => {
  const device = enroll("mem-own");
  const thief = { registrationId: "mem-own", active: device.standby };
  const started = start([thief]);
  await until(() => started.device("mem-own").hasFailed());
  expect(started.device("mem-own").snapshot()).toMatchObject({ connected: false });
  expect(hub.store.device("mem-own")).toBeUndefined();
});

test("a hub that is not in the lab, and a credential without certificate, cannot be dialled", () => {
  const dial = memoryDialer({ dps, hubs: [hub] });
  const { active } = enroll("mem-dial");
  expect(() => dial("lab-hub-9.azure-devices.net", active)).toThrow(/no hub lab-hub-9/);
  expect(() => dial(hostName, { ...active, chainPem: "" })).toThrow(/no certificate/);
});

test.each([false, true])(
  "a contained device's module, whose key nobody touched, stays in unless disabling blocks modules (%s)",
  async (disableBlocksModules) => {
    hub.switches.disableBlocksModules = disableBlocksModules;
    const device = enroll("mem-edge");
    const moduleLeaf = issueLeaf({ commonName: "mem-edge-m1", issuer: root });
    const started = start([{ ...device, behaviour: { module: { moduleId: "m1", credential: moduleLeaf } } }]);
    await started.connected();
    hub.store.seed("mem-edge", { authentication: x509Authentication(moduleLeaf.sha256Thumbprint) }, "m1");
    const moduleMessages = () =>
      events.store.read(hub.eventHubName).filter((event) => event.annotations["iothub-connection-module-id"] === "m1")
        .length;
    await until(() => started.device("mem-edge").moduleIsConnected() && moduleMessages() > 0);

    const nobody = "5".repeat(64);
    hub.store.seed("mem-edge", { status: "disabled", authentication: x509Authentication(nobody, nobody) });
    await until(() => hub.sessions.get("mem-edge") === undefined);
    expect(hub.store.get("mem-edge", "m1").identity.authentication.primaryThumbprint).toBe(moduleLeaf.sha256Thumbprint);
    if (disableBlocksModules) {
      await until(() => hub.sessions.get("mem-edge", "m1") === undefined);
      await until(() => hub.log.entries().some((e) => e.moduleId === "m1" && e.reason.includes("is disabled")));
    } else {
      const then = moduleMessages();
      await until(() => moduleMessages() > then + 1);
      expect(hub.sessions.get("mem-edge", "m1")?.sha256Thumbprint).toBe(moduleLeaf.sha256Thumbprint);
    }
  },
);
