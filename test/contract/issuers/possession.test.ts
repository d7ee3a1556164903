import { X509Certificate } from "node:crypto";
import { labToken } from "../../../lab/dps/authorization";
import { createRoot } from "../../../lab/pki/certificates";
import { connectAzure, type Azure } from "../../../shared/adapters/azure/connect";
import { fileAuthority } from "../../../shared/adapters/issuers/file-authority";
import { createPossessionProver } from "../../../shared/adapters/issuers/possession-prover";
import { vaultAuthority } from "../../../shared/adapters/issuers/vault-authority";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { systemClock } from "../../../shared/adapters/x509/system-clock";
import { readConnectionString, readDpsResourceId } from "../../../shared/config/variables";
import { AuthorityName, Sha256Thumbprint } from "../../../shared/domain/ids";
import type { Authorities } from "../../../shared/ports/authorities";
import type { PossessionProver } from "../../../shared/ports/issuers";
import { thumbprint } from "../../support/builders";
import { startTestDps, type TestDps } from "../../support/lab-dps";
import { serverRoot } from "../../support/lab-dps-pki";
import { anOddAuthority } from "../../support/odd-authorities";
import { signDigest } from "../../support/raw-ecdsa";

const inFiles = createRoot({ commonName: "Root in files" });
const inVault = anOddAuthority({ commonName: "Root in a vault", kind: "P-384", notBefore: new Date() });
const thumbprintOf = (pem: string): Sha256Thumbprint =>
  Sha256Thumbprint.parse(new X509Certificate(pem).fingerprint256.replaceAll(":", ""));

const prover: PossessionProver = createPossessionProver(
  [
    fileAuthority({ certificates: inFiles.certificatePem, privateKey: inFiles.privateKeyPem }),
    vaultAuthority(inVault.certificatePem, {
      sign: (_algorithm, digest) => Promise.resolve(signDigest(inVault.key, digest)),
    }),
  ],
  { clock: systemClock, entropy: nodeEntropy },
);

describe("possession of a CA's key, proven to DPS", () => {
  let lab: TestDps;
  let authorities: Authorities;
  let azure: Azure;
  beforeAll(async () => {
    lab = await startTestDps();
    const { dps } = lab;
    const access = readConnectionString(dps.connectionString);
    const dpsResourceId = readDpsResourceId(
      `/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/lab/providers/Microsoft.Devices/provisioningServices/${dps.name}`,
    );
    if (access === undefined || dpsResourceId === undefined) throw new Error("the lab's DPS is named in another way");
    const arm = "https://management.azure.com";
    const loopback = {
      caPem: serverRoot.certificatePem,
      ports: new Map([["management.azure.com", dps.servicePort]]),
      tokens: new Map([[arm, labToken({ audience: arm })]]),
    };
    azure = connectAzure(
      { dps: access, dpsResourceId, hubs: [], loopback, timing: { callTimeoutMs: 2_000 } },
      systemClock,
    );
    ({ authorities } = azure);
  });
  afterAll(async () => {
    azure.close();
    await lab.stop();
  });

  async function upload(name: string, pem: string) {
    const created = await authorities.create(AuthorityName.parse(name), pem);
    if (created.outcome !== "created") throw new Error(created.outcome);
    const code = await authorities.verificationCode(created.authority.name, created.authority.etag);
    if (code.outcome !== "issued") throw new Error(code.outcome);
    return { name: created.authority.name, ...code };
  }

  it.each([
    ["in files", "files-root", inFiles.certificatePem],
    ["in a vault", "vault-root", inVault.certificatePem],
  ])("is shown for a key %s without showing the key", async (_where, caName, pem) => {
    const { name, code, etag } = await upload(caName, pem);
    const proof = await prover.sign(thumbprintOf(pem), code);
    if (proof.outcome !== "signed") throw new Error(proof.outcome);
    const certificate = new X509Certificate(proof.certificatePem);
    expect(certificate.subject).toBe(`CN=${code}`);
    expect(certificate.ca).toBe(false);
    expect(certificate.publicKey.equals(new X509Certificate(pem).publicKey)).toBe(false);
    expect(Date.parse(certificate.validTo) - Date.now()).toBeLessThanOrEqual(86_400_000);
    expect(await authorities.verify(name, etag, proof.certificatePem)).toMatchObject({
      outcome: "verified",
      authority: { isVerified: true },
    });
  });

  it("is not shown by the key of another CA", async () => {
    const other = createRoot({ commonName: "Root in files" }); // the same name, another key
    const { name, code, etag } = await upload("other-root", other.certificatePem);
    const proof = await prover.sign(thumbprintOf(inFiles.certificatePem), code);
    if (proof.outcome !== "signed") throw new Error(proof.outcome);
    expect(await authorities.verify(name, etag, proof.certificatePem)).toMatchObject({ outcome: "refused" });
  });

  it("is left to a person where the app may not use the key", async () => {
    expect(await prover.sign(thumbprint("9"), "CODE")).toEqual({ outcome: "no-signer" });
  });
});
