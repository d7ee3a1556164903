import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateInfo, readCertificate } from "../lab/dps/certificate-info";
import { x509Authentication } from "../lab/iot-hub/identity";
import { createIntermediate, issueLeaf } from "../lab/pki/certificates";
import { startLabServices, type LabServices } from "../lab/scenarios/lab-services";
import type { Bench } from "./bench";
import type { InventoryReport } from "./inventory-product";

const DEVICES = 100_000;

/** The lab in this process, the product in one of its own: its time and memory are what is measured. */
export const inventory: Bench = {
  name: "inventory",
  summary: `an inventory of ${DEVICES.toLocaleString("en")} devices: time and memory, and what asking it costs`,
  async run(print) {
    const folder = await mkdtemp(join(tmpdir(), "rollcall-bench-"));
    const lab = await startLabServices({ folder });
    try {
      fill(lab, DEVICES);
      const report = await takeInventory(lab.settings("bench-secret-bench-secret"));
      print("half of them with enrollments of their own, half of one group; all at one hub; quotas off");
      for (const [stage, ms] of report.stages) print(`  ${stage.padEnd(34)} ${seconds(ms)} s`);
      print(`  ${"all of it (aim 60)".padEnd(34)} ${seconds(report.totalMs)} s, ${report.devices} devices`);
      for (const [question, ms] of report.questions) print(`  ${question.padEnd(34)} ${seconds(ms)} s`);
      print(`  peak memory of the product's process ${report.peakMb} MB (aim 500)`);
    } finally {
      await lab.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** What DPS and the hub hold of a fleet that has registered: written into their stores, because registering takes an hour. */
function fill({ dps, hub, root, issuer }: LabServices, count: number): void {
  const line = createIntermediate({ commonName: "Bench Line", issuer: root });
  dps.store.seedGroup({
    enrollmentGroupId: "line",
    attestation: { type: "x509", x509: { signingCertificates: { primary: { certificate: line.certificatePem } } } },
  });
  const leaf = readCertificate(issueLeaf({ commonName: "bench", issuer }).der);
  if (leaf === undefined) throw new Error("the leaf of the bench cannot be read");
  const primary = { certificate: leaf.der.toString("base64") };
  const model = dps.store.seedEnrollment({
    registrationId: "model",
    attestation: { type: "x509", x509: { clientCertificates: { primary } } },
  });
  dps.store.deleteEntry(model);
  for (let n = 0; n < count; n += 1) {
    const id = `pump-${n}`;
    const thumbprint = createHash("sha256").update(id).digest("hex").toUpperCase();
    const enrolled = n % 2 === 0;
    if (enrolled) {
      const slot = { ...certificateInfo(leaf), subjectName: `CN=${id}`, sha256Thumbprint: thumbprint };
      const clientCertificates = { primary: slot, secondary: slot };
      const attestation = { type: "x509" as const, clientCertificates, signingCertificates: null, caReferences: null };
      dps.store.putEntry({ ...model, id, etag: `"${dps.store.newEtag()}"`, attestation });
    }
    dps.store.putRegistration({
      registrationId: id,
      status: "assigned",
      errorCode: 0,
      errorMessage: null,
      createdAt: Date.now(),
      updatedAt: Date.now(),
      etag: dps.store.newEtag(),
      assignment: { hubHostName: hub.hostName, deviceId: id, entryKey: enrolled ? `individual:${id}` : "group:line" },
      operationId: `bench-${n}`,
      ...(enrolled ? {} : { enrollmentGroupId: "line" }),
    });
    hub.store.seed(id, { authentication: x509Authentication(thumbprint, thumbprint) });
  }
}

function takeInventory(settings: Readonly<Record<string, string>>): Promise<InventoryReport> {
  return new Promise((resolve, reject) => {
    const child = fork(join(__dirname, "inventory-product.js"), { env: { ...process.env, ...settings } });
    child.once("message", (report: InventoryReport) => resolve(report));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the product's process ended with ${code ?? "a signal"}`)));
  });
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1).padStart(6);
}
