import { startDps } from "../lab/dps/server";
import type { Dps } from "../lab/dps/server";
import { startEventHubs } from "../lab/event-hubs/server";
import { startFleet } from "../lab/fleet/fleet";
import type { DeviceSpec } from "../lab/fleet/fleet";
import { memoryDialer } from "../lab/fleet/memory-dialer";
import { mqttTransport } from "../lab/fleet/mqtt-transport";
import type { DeviceTransport } from "../lab/fleet/transport";
import { startIotHub } from "../lab/iot-hub/server";
import { createRoot, issueLeaf, issueServerCertificate } from "../lab/pki/certificates";
import type { CertificateAuthority } from "../lab/pki/certificates";
import type { Bench } from "./bench";

const size = 10_000;
const roundTrips = 10_000;
const hostName = "lab-hub.azure-devices.net";

export const labFleet: Bench = {
  name: "lab-fleet",
  summary: `${size.toLocaleString("en")} device agents in memory: register and connect all, memory, round trips`,
  run: async (print) => {
    const root = createRoot({ commonName: "Bench root" });
    const dnsNames = ["localhost", "*.azure-devices.net", "*.azure-devices-provisioning.net"];
    const serverCertificate = issueServerCertificate({ issuer: root, dnsNames, ipAddresses: ["127.0.0.1"] });
    const events = await startEventHubs();
    const hub = await startIotHub({ hostName, serverCertificate, events });
    const switches = { retryAfterSeconds: 0, assignDelayMs: 10 };
    const dps = await startDps({ hubs: [hub.link], serverCertificate, switches });
    const dial = memoryDialer({ dps, hubs: [hub] });
    try {
      let from = performance.now();
      const devices = Array.from({ length: size }, (_unused, index) => enroll(dps, root, `fleet-${index}`));
      print(`certificates and enrollments: ${seconds(from)}`);

      const before = process.memoryUsage().rss;
      from = performance.now();
      // A heartbeat a minute, as a real fleet of this size would send: the start is measured, not the telemetry.
      const timing = { heartbeatMs: 60_000 };
      const fleet = startFleet({ devices, dial, dps: { idScope: dps.idScope }, timing, startWidth: 64 });
      await fleet.connected();
      print(`registered and connected: ${hub.sessions.deviceCount().toLocaleString("en")} in ${seconds(from)}`);
      const { rss } = process.memoryUsage();
      const each = Math.round((rss - before) / size / 1_024);
      print(`memory: ${Math.round(rss / 1_048_576)} MB in all, ${each} KB per device (agent, DPS and hub side)`);

      const transport = mqttTransport({ dial, dps: { idScope: dps.idScope } });
      from = performance.now();
      await inParallel(roundTrips, 64, (index) => registerAgain(transport, devices[index % size]));
      print(`registrations of devices that are connected: ${perSecond(roundTrips, from)}`);
      await fleet.stop();
    } finally {
      await dps.stop();
      await hub.stop();
      await events.stop();
    }
  },
};

function enroll(dps: Dps, issuer: CertificateAuthority, registrationId: string): DeviceSpec {
  const { certificatePem, chainPem, privateKeyPem } = issueLeaf({ commonName: registrationId, issuer });
  const clientCertificates = { primary: { certificate: certificatePem } };
  dps.store.seedEnrollment({ registrationId, attestation: { type: "x509", x509: { clientCertificates } } });
  return { registrationId, active: { chainPem, privateKeyPem } };
}

async function registerAgain(transport: DeviceTransport, device: DeviceSpec | undefined): Promise<void> {
  if (device === undefined) return;
  const outcome = await transport.register(device.registrationId, device.active);
  if (outcome.status === "refused") throw new Error(outcome.reason);
}

async function inParallel(count: number, width: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await act(index);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

function seconds(from: number): string {
  return `${((performance.now() - from) / 1_000).toFixed(1)} s`;
}

function perSecond(count: number, from: number): string {
  return `${Math.round((count * 1_000) / (performance.now() - from)).toLocaleString("en")}/s`;
}
