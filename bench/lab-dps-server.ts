import { randomBytes } from "node:crypto";
import { certificateInfo, readCertificate } from "../lab/dps/certificate-info";
import { startDps, type Dps } from "../lab/dps/server";
import type { LinkedHub } from "../lab/linked-hub";
import { createRoot, issueLeaf, issueServerCertificate } from "../lab/pki/certificates";

/** What the bench asks of the process it measures, and what it is told. */
export type ServerCommand = { readonly kind: "fill"; readonly enrollments: number } | { readonly kind: "measure" };
/** What the measured process says of itself. */
export type ServerReport =
  | {
      readonly kind: "started";
      readonly startMs: number;
      readonly servicePort: number;
      readonly mqttPort: number;
      readonly connectionString: string;
      readonly idScope: string;
      readonly serverCaPem: string;
    }
  | {
      readonly kind: "usage";
      readonly enrollments: number;
      readonly rssMb: number;
      /** Processor time since the process started. */
      readonly cpuMs: number;
    };

/** A hub that costs nothing, so that DPS alone is measured. */
const hub: LinkedHub = {
  hostName: "lab-hub.azure-devices.net",
  has: () => true,
  assign: () => Promise.resolve(),
  remove: () => Promise.resolve(undefined),
};

/** Enrollments as the service keeps them: everything that differs from device to device is a string of its own. */
function fill(dps: Dps, count: number): void {
  const root = createRoot({ commonName: "Bench" });
  const read = readCertificate(issueLeaf({ commonName: "bench", issuer: root }).der);
  if (!read) throw new Error("the leaf of the bench cannot be read");
  const model = dps.store.seedEnrollment({
    registrationId: "model",
    attestation: {
      type: "x509",
      x509: { clientCertificates: { primary: { certificate: read.der.toString("base64") } } },
    },
  });
  const slot = (id: string) => ({
    ...certificateInfo(read),
    subjectName: `CN=${id}`,
    sha1Thumbprint: randomBytes(20).toString("hex").toUpperCase(),
    sha256Thumbprint: randomBytes(32).toString("hex").toUpperCase(),
    serialNumber: randomBytes(16).toString("hex").toUpperCase(),
  });
  for (let n = dps.store.enrollments.size; n < count; n += 1) {
    const id = `filled-${n}`;
    const clientCertificates = { primary: slot(id), secondary: slot(id) };
    dps.store.putEntry({
      ...model,
      id,
      etag: `"${dps.store.newEtag()}"`,
      attestation: { type: "x509", clientCertificates, signingCertificates: null, caReferences: null },
    });
  }
}

async function main(): Promise<void> {
  const root = createRoot({ commonName: "Bench TLS" });
  const serverCertificate = issueServerCertificate({
    issuer: root,
    dnsNames: ["*.azure-devices-provisioning.net"],
    ipAddresses: ["127.0.0.1"],
  });
  const from = performance.now();
  const dps = await startDps({ hubs: [hub], serverCertificate, switches: { assignDelayMs: 10, retryAfterSeconds: 0 } });
  const tell = (report: ServerReport) => process.send?.(report);
  process.on("message", (command: ServerCommand) => {
    if (command.kind === "fill") fill(dps, command.enrollments);
    const { user, system } = process.cpuUsage();
    const rssMb = Math.round(process.memoryUsage().rss / 1024 / 1024);
    tell({ kind: "usage", enrollments: dps.store.enrollments.size, rssMb, cpuMs: (user + system) / 1_000 });
  });
  process.on("disconnect", () => process.exit(0));
  tell({
    kind: "started",
    startMs: Math.round(performance.now() - from),
    servicePort: dps.servicePort,
    mqttPort: dps.mqttPort,
    connectionString: dps.connectionString,
    idScope: dps.idScope,
    serverCaPem: root.certificatePem,
  });
}

void main();
