import { X509Certificate, verify } from "node:crypto";
import { behaviours } from "../../../lab/fleet/behaviours";
import type { Behaviour } from "../../../lab/fleet/behaviours";
import { Device } from "../../../lab/fleet/device";
import type { DeviceOptions } from "../../../lab/fleet/device-options";
import { memoryStore } from "../../../lab/fleet/device-state";
import { createRoot, issueLeaf } from "../../../lab/pki/certificates";
import type { LabCertificate } from "../../../lab/pki/certificates";
import { FakeAzure } from "./fake-azure";

const issuer = createRoot({ commonName: "fleet test root" });
const leaf = (): LabCertificate => issueLeaf({ commonName: "pump-001", issuer });
const timing = { heartbeatMs: 20, backoffBaseMs: 2, backoffCapMs: 10, rebootMs: 5 };

let azure: FakeAzure;
let devices: Device[];
beforeEach(() => {
  azure = new FakeAzure();
  devices = [];
});
afterEach(async () => {
  await Promise.all(devices.map((device) => device.stop()));
});

interface Keys {
  readonly active: LabCertificate;
  readonly standby: LabCertificate;
}

const startDevice = (behaviour: Behaviour = {}, more: Partial<DeviceOptions> = {}): Keys & { device: Device } => {
  const [active, standby] = [leaf(), leaf()];
  azure.acceptedByDps.add(active.sha256Thumbprint).add(standby.sha256Thumbprint);
  const device = new Device({
    registrationId: "pump-001",
    transport: azure,
    active,
    standby,
    behaviour,
    timing,
    ...more,
  });
  devices.push(device);
  device.start();
  return { device, active, standby };
};

const connected = async (behaviour?: Behaviour, more?: Partial<DeviceOptions>) => {
  const started = startDevice(behaviour, more);
  await azure.until(() => azure.messages.length > 0);
  return started;
};

const attempt = { rollId: "roll-1", attemptId: "a1", nonce: "n1" };

test("it registers, connects and sends heartbeats with an empty body that name its certificate", async () => {
  const { active } = await connected();
  expect(azure.messages[0]).toMatchObject({
    deviceId: "pump-001",
    properties: {
      messageType: "heartbeat",
      certThumbprint: active.sha256Thumbprint,
      certNotAfter: active.notAfter.toISOString(),
    },
  });
  expect(azure.messages[0]?.body).toBeUndefined();
  await azure.until(() => azure.messages.length >= 3);
});

test("refused by the hub, it asks DPS with the active leaf and then with the standby", async () => {
  const { device, active, standby } = await connected();
  azure.acceptedByDps.delete(active.sha256Thumbprint);
  azure.identities.set("pump-001", "SENTINEL");
  azure.registrations.length = 0;
  azure.drop("pump-001");
  await azure.until(() => azure.messages.some((message) => message.thumbprint === standby.sha256Thumbprint));
  expect(azure.registrations.map(({ thumbprint }) => thumbprint)).toEqual([
    active.sha256Thumbprint,
    standby.sha256Thumbprint,
  ]);
  expect(device.snapshot()).toMatchObject({ activeThumbprint: standby.sha256Thumbprint, connected: true });
});

test("no outcome of DPS but assigned makes it give up", async () => {
  const reasons = ["401 401002", "429", "503", "failed 401002", "disabled", "unassigned", "unreachable: ECONNREFUSED"];
  for (const reason of [...reasons, ...reasons]) azure.refusals.push({ status: "refused", reason });
  await connected();
  expect(azure.refusals).toHaveLength(0);
});

test("a device that is refused with every key asks on, and says why", async () => {
  const { device, active } = await connected();
  azure.acceptedByDps.clear();
  azure.identities.clear();
  azure.registrations.length = 0;
  azure.drop("pump-001");
  await azure.until(() => azure.registrations.length > 12);
  expect(device.snapshot()).toMatchObject({ connected: false, lastError: "DPS: 401 401002" });
  azure.acceptedByDps.add(active.sha256Thumbprint);
  await azure.until(() => azure.isConnected("pump-001"));
});

test("report answers 202 and sends one report, signed by the key of the session", async () => {
  const { device, active } = await connected();
  expect(await azure.call("pump-001", "report", attempt)).toMatchObject({ status: 202 });
  await azure.until(() => azure.reports().length > 0);
  const [report] = azure.reports();
  expect(report).toMatchObject({
    ...attempt,
    phase: "connected",
    chainPem: active.chainPem,
    sha256Thumbprint: active.sha256Thumbprint,
    notAfter: active.notAfter.toISOString(),
  });
  const signature = Buffer.from(String(report?.["signature"]), "base64");
  const key = new X509Certificate(active.certificatePem).publicKey;
  expect(verify("sha256", Buffer.from("roll-1|a1|n1|pump-001"), key, signature)).toBe(true);
  expect(verify("sha256", Buffer.from("roll-1|a1|n2|pump-001"), key, signature)).toBe(false);
  await azure.until(() => device.acts("roll-1", "a1") === 1);
});

test("the same attempt again is answered 202 and not acted on, also after a restart", async () => {
  const { device } = await connected();
  await azure.call("pump-001", "report", attempt);
  await azure.until(() => device.acts("roll-1", "a1") === 1);
  await azure.call("pump-001", "report", attempt);
  await device.reboot();
  await azure.until(() => azure.isConnected("pump-001"));
  expect(await azure.call("pump-001", "report", attempt)).toMatchObject({ status: 202 });
  await azure.call("pump-001", "report", { ...attempt, attemptId: "a2" });
  await azure.until(() => device.acts("roll-1", "a2") === 1);
  expect(azure.reports().map((report) => report["attemptId"])).toEqual(["a1", "a2"]);
  expect(device.attempts().map(({ calls }) => calls)).toEqual([3, 1]);
});

test("reprovision installs the leaf it has the key of, and reports over a session with that leaf", async () => {
  const { device, standby } = await connected();
  const order = { ...attempt, reason: "expiry", spreadSeconds: 0, chainPem: standby.chainPem };
  expect(await azure.call("pump-001", "reprovision", order)).toMatchObject({ status: 202 });
  await azure.until(() => azure.reports().length > 0);
  expect(azure.reports()).toEqual([
    expect.objectContaining({
      phase: "connected",
      sha256Thumbprint: standby.sha256Thumbprint,
      carriedBy: standby.sha256Thumbprint,
    }),
  ]);
  expect(device.acts("roll-1", "a1")).toBe(1);
});

test("reprovision with a leaf for somebody else's key is reported as failed and changes nothing", async () => {
  const { device, active } = await connected();
  await azure.call("pump-001", "reprovision", { ...attempt, chainPem: leaf().chainPem });
  await azure.until(() => azure.reports().length > 0);
  expect(azure.reports()[0]).toMatchObject({ phase: "failed", error: "no-key-for-certificate" });
  expect(device.snapshot().activeThumbprint).toBe(active.sha256Thumbprint);
});

test("a DPS that refuses the new leaf is asked until the deadline, and then the failure is reported", async () => {
  const { active, standby } = await connected();
  azure.acceptedByDps.delete(standby.sha256Thumbprint);
  const deadline = new Date(Date.now() + 60).toISOString();
  await azure.call("pump-001", "reprovision", { ...attempt, deadline, chainPem: standby.chainPem });
  await azure.until(() => azure.reports().length > 0);
  expect(azure.reports()[0]).toMatchObject({
    phase: "failed",
    error: "401 401002",
    carriedBy: active.sha256Thumbprint,
  });
  expect(azure.registrations.length).toBeGreaterThan(2);
});

test("prepareCertificate makes one key per roll, and a leaf for it can be installed", async () => {
  const { device } = await connected();
  const ask = async (rollId: string): Promise<string> => {
    const answer = await azure.call("pump-001", "prepareCertificate", { rollId, attemptId: "p1" });
    return (answer.payload as { csrPem: string }).csrPem;
  };
  const publicKeyIn = (csrPem: string): string => {
    const der = Buffer.from(csrPem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const spki = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
    const start = der.indexOf(spki);
    return der.subarray(start, start + spki.length + 65).toString("hex");
  };
  const [first, again, other] = [await ask("roll-1"), await ask("roll-1"), await ask("roll-2")];
  expect(publicKeyIn(again)).toBe(publicKeyIn(first));
  expect(publicKeyIn(other)).not.toBe(publicKeyIn(first));

  const keyPair = { privateKeyPem: "", spkiDer: Buffer.from(publicKeyIn(first), "hex") };
  const issued = issueLeaf({ commonName: "pump-001", issuer, keyPair });
  azure.acceptedByDps.add(issued.sha256Thumbprint);
  await azure.call("pump-001", "reprovision", { ...attempt, chainPem: issued.chainPem });
  await azure.until(() => azure.reports().length > 0);
  expect(azure.reports()[0]).toMatchObject({ phase: "connected", carriedBy: issued.sha256Thumbprint });
  expect(device.snapshot().activeThumbprint).toBe(issued.sha256Thumbprint);
});

test("the old key is kept until commit", async () => {
  const store = memoryStore();
  const { active, standby } = await connected({}, { store });
  await azure.call("pump-001", "reprovision", { ...attempt, chainPem: standby.chainPem });
  await azure.until(() => azure.reports().length > 0);
  expect(store.load()?.previous?.chainPem).toBe(active.chainPem);
  expect(await azure.call("pump-001", "commit", { rollId: "roll-1" })).toMatchObject({ status: 200 });
  expect(store.load()?.previous).toBeUndefined();
});

test("a payload that is not the contract's is answered 400, an unknown method 404", async () => {
  await connected();
  expect(await azure.call("pump-001", "report", { rollId: "roll-1" })).toMatchObject({ status: 400 });
  expect(await azure.call("pump-001", "report", null)).toMatchObject({ status: 400 });
  expect(await azure.call("pump-001", "selfDestruct", {})).toMatchObject({ status: 404 });
});

describe("behaviours", () => {
  test("offline: nothing is heard of it until it comes back", async () => {
    const { device } = startDevice(behaviours.offline);
    await new Promise((done) => setTimeout(done, 50));
    expect(azure.registrations).toHaveLength(0);
    device.comeBack();
    await azure.until(() => azure.isConnected("pump-001"));
    device.goOffline();
    expect(azure.isConnected("pump-001")).toBe(false);
  });

  test("refuses: 403, and no report", async () => {
    const { device } = await connected(behaviours.refuses);
    expect(await azure.call("pump-001", "report", attempt)).toMatchObject({ status: 403 });
    expect(device.attempts()).toEqual([]);
  });

  test("keeps the old key: says connected, and shows the leaf it always had", async () => {
    const { active, standby } = await connected(behaviours["keeps the old key"]);
    await azure.call("pump-001", "reprovision", { ...attempt, chainPem: standby.chainPem });
    await azure.until(() => azure.reports().length > 0);
    expect(azure.reports()[0]).toMatchObject({ phase: "connected", sha256Thumbprint: active.sha256Thumbprint });
  });

  test("falls back: connects with the new leaf, then registers with the old one again", async () => {
    const { device, active, standby } = await connected({ fallsBackAfterMs: 10 });
    await azure.call("pump-001", "reprovision", { ...attempt, chainPem: standby.chainPem });
    await azure.until(() => azure.reports().length > 0);
    const before = azure.messages.length;
    await azure.until(() => azure.messages.slice(before).some((m) => m.thumbprint === active.sha256Thumbprint));
    expect(device.snapshot().activeThumbprint).toBe(active.sha256Thumbprint);
  });

  test("clock a year behind: the new leaf looks not yet valid", async () => {
    const { standby } = await connected(behaviours["clock a year behind"]);
    await azure.call("pump-001", "reprovision", { ...attempt, chainPem: standby.chainPem });
    await azure.until(() => azure.reports().length > 0);
    expect(azure.reports()[0]).toMatchObject({ phase: "failed", error: "certificate-not-yet-valid" });
  });

  test("reboots in mid-roll: it finishes what it had accepted, once", async () => {
    const { device, standby } = await connected(behaviours["reboots in mid-roll"]);
    expect(await azure.call("pump-001", "reprovision", { ...attempt, chainPem: standby.chainPem })).toMatchObject({
      status: 202,
    });
    await azure.until(() => azure.reports().length > 0);
    expect(azure.reports()).toHaveLength(1);
    expect(device.acts("roll-1", "a1")).toBe(1);
    expect(azure.reports()[0]).toMatchObject({ phase: "connected", carriedBy: standby.sha256Thumbprint });
  });

  test("slow: it still does everything", async () => {
    const { device } = await connected({ slowMs: 30 });
    await azure.call("pump-001", "report", attempt);
    expect(azure.reports()).toHaveLength(0);
    await azure.until(() => device.acts("roll-1", "a1") === 1);
  });
});
