import { X509Certificate } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { globalDpsHostName } from "../fleet/mqtt-transport";
import { issueLeaf } from "../pki/certificates";
import type { LabServices } from "../scenarios/lab-services";
import { addressSettings } from "./addresses";
import { writeEnvFile } from "./env-file";

/**
 * Makes sure that `lab-device-1` to `lab-device-{count}` are individually enrolled, each with a folder below `folder`:
 * `cert.pem` (its leaf), `chain.pem` (leaf and intermediate: what it presents), `key.pem`, and `device.env` with the
 * variables that Microsoft's device samples read. A device whose certificate this lab's authority has signed is left as
 * it is, enrolled or not: the lab was resumed. Answers the devices' folders.
 */
export async function writeDevices(services: LabServices, folder: string, count: number): Promise<string[]> {
  const folders: string[] = [];
  for (let number = 1; number <= count; number += 1) {
    const registrationId = `lab-device-${number}`;
    const own = join(folder, registrationId);
    await mkdir(own, { recursive: true });
    if (!(await hasLeafOf(services, own))) await enroll(services, registrationId, own);
    await writeEnvFile(join(own, "device.env"), {
      PROVISIONING_HOST: globalDpsHostName,
      PROVISIONING_IDSCOPE: services.dps.idScope,
      PROVISIONING_REGISTRATION_ID: registrationId,
      CERTIFICATE_FILE: join(own, "chain.pem"),
      KEY_FILE: join(own, "key.pem"),
      ...addressSettings(services),
    });
    folders.push(own);
  }
  return folders;
}

async function hasLeafOf({ issuer }: LabServices, folder: string): Promise<boolean> {
  try {
    const certificate = new X509Certificate(await readFile(join(folder, "cert.pem")));
    return certificate.verify(new X509Certificate(issuer.der).publicKey);
  } catch {
    return false; // no file, or not one of ours
  }
}

async function enroll({ dps, issuer }: LabServices, registrationId: string, folder: string): Promise<void> {
  const leaf = issueLeaf({ commonName: registrationId, issuer });
  const primary = { certificate: leaf.certificatePem };
  dps.store.seedEnrollment({
    registrationId,
    attestation: { type: "x509", x509: { clientCertificates: { primary, secondary: null } } },
  });
  await writeFile(join(folder, "key.pem"), leaf.privateKeyPem, { mode: 0o600 });
  await writeFile(join(folder, "chain.pem"), leaf.chainPem);
  await writeFile(join(folder, "cert.pem"), leaf.certificatePem);
}
