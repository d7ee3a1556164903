import type { Dps } from "../../../lab/dps/server";
import { startDps } from "../../../lab/dps/server";
import { tlsDialer } from "../../../lab/fleet/dialer";
import { globalDpsHostName, mqttTransport } from "../../../lab/fleet/mqtt-transport";
import { sdkTransport } from "../../../lab/fleet/sdk-transport";
import type { DeviceTransport } from "../../../lab/fleet/transport";
import type { DeviceAssignment, LinkedHub } from "../../../lab/linked-hub";
import { createRoot, issueLeaf, issueServerCertificate } from "../../../lab/pki/certificates";

const hostName = "lab-hub.azure-devices.net";
const root = createRoot({ commonName: "fleet test root" });
const serverCertificate = issueServerCertificate({
  issuer: root,
  dnsNames: ["localhost", "*.azure-devices-provisioning.net"],
});
const [enrolled, stranger] = [1, 2].map(() => issueLeaf({ commonName: "pump-001", issuer: root })) as [
  ReturnType<typeof issueLeaf>,
  ReturnType<typeof issueLeaf>,
];

const assignments: DeviceAssignment[] = [];
const hub: LinkedHub = {
  hostName,
  has: () => false,
  assign: (assignment) => {
    assignments.push(assignment);
    return Promise.resolve();
  },
  remove: () => Promise.resolve(undefined),
};

let dps: Dps;
beforeAll(async () => {
  dps = await startDps({ hubs: [hub], serverCertificate, switches: { retryAfterSeconds: 0, assignDelayMs: 20 } });
  dps.store.addVerifiedCa(root.certificatePem, "root");
});
afterAll(() => dps.stop());
beforeEach(() => {
  assignments.length = 0;
  enroll("enabled");
});

const enroll = (provisioningStatus: "enabled" | "disabled"): void => {
  dps.store.seedEnrollment({
    registrationId: "pump-001",
    provisioningStatus,
    attestation: {
      type: "x509",
      x509: { clientCertificates: { primary: { certificate: enrolled.certificatePem } } },
    },
  });
};

const dial = tlsDialer({
  caPem: root.certificatePem,
  resolve: (name) => {
    if (name !== globalDpsHostName) throw new Error(`no service ${name}`);
    return { host: "127.0.0.1", port: dps.mqttPort };
  },
});
const transports: [string, () => DeviceTransport][] = [
  ["mqtt.js", () => mqttTransport({ dial, dps: { idScope: dps.idScope } })],
  ["the official SDK", () => sdkTransport({ dial, idScope: dps.idScope })],
];

describe.each(transports)("registration over %s", (_name, transport) => {
  test("an enrolled leaf is assigned and its thumbprint goes to the hub", async () => {
    expect(await transport().register("pump-001", enrolled)).toEqual({
      status: "assigned",
      hubHostName: hostName,
      deviceId: "pump-001",
    });
    expect(assignments).toMatchObject([{ deviceId: "pump-001", sha256Thumbprint: enrolled.sha256Thumbprint }]);
  });

  test("another leaf of the same name is refused", async () => {
    expect(await transport().register("pump-001", stranger)).toMatchObject({ status: "refused" });
    expect(assignments).toEqual([]);
  });

  test("a disabled entry is a refusal like any other", async () => {
    enroll("disabled");
    expect(await transport().register("pump-001", enrolled)).toMatchObject({
      status: "refused",
      reason: expect.stringContaining("disabled") as unknown,
    });
  });

  test("a leaf that nobody enrolled is refused", async () => {
    const unknown = issueLeaf({ commonName: "pump-404", issuer: root });
    expect(await transport().register("pump-404", unknown)).toMatchObject({ status: "refused" });
  });
});

test("an unreachable DPS is one more refusal", async () => {
  const nowhere = tlsDialer({ caPem: root.certificatePem, resolve: () => ({ host: "127.0.0.1", port: 1 }) });
  const transport = mqttTransport({ dial: nowhere, dps: { idScope: dps.idScope } });
  expect(await transport.register("pump-001", enrolled)).toEqual({
    status: "refused",
    reason: expect.stringMatching(/^unreachable: .*ECONNREFUSED/) as unknown,
  });
});

test("a server that another authority vouches for is not talked to", async () => {
  const otherRoot = createRoot({ commonName: "somebody else" });
  const dialOther = tlsDialer({
    caPem: otherRoot.certificatePem,
    resolve: () => ({ host: "127.0.0.1", port: dps.mqttPort }),
  });
  const transport = mqttTransport({ dial: dialOther, dps: { idScope: dps.idScope } });
  expect(await transport.register("pump-001", enrolled)).toMatchObject({
    reason: expect.stringMatching(/^unreachable: .*certificate/) as unknown,
  });
});
