import { createIntermediate, createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { AuthorityName, EnrollmentGroupId, RegistrationId, Sha256Thumbprint } from "../../../shared/domain/ids";
import { instant } from "../../../shared/domain/instant";
import type { RollRequest } from "../../../shared/domain/roll/request";
import { authorityPlan } from "../../../shared/steps/authority-world";
import { readLeafRule } from "../../../shared/steps/leaf-rule";
import { aRow, aVerifiedReport, planned, rollId, t0, thumbprint } from "../../support/builders";
import { FakeAzure } from "../../support/fake-azure";
import { MemoryRollBlobs } from "../../support/memory-stores";

const DAY = 86_400_000;
const validity = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 900 * DAY) };
const [oldRoot, newRoot, stranger] = ["Old", "New", "Strange"].map((commonName) =>
  createRoot({ commonName: `${commonName} root`, ...validity }),
) as [ReturnType<typeof createRoot>, ReturnType<typeof createRoot>, ReturnType<typeof createRoot>];
const below = createIntermediate({ commonName: "Plant CA", issuer: newRoot, ...validity });

const request = (authority: "leaf" | "root"): RollRequest => ({
  ...{ playbook: "group-expiry", source: "api", alertId: "1", reason: "r", requestedAt: t0, targets: [] },
  group: { groupId: "pumps", authority },
  timing: {
    ...{ pulseHoldMs: 1, settleMs: 1, pollMs: 1, recheckMs: 1, attemptMs: 1 },
    deadline: instant(t0 + DAY),
  },
});

/** What a device would report that presents this chain. */
function reportOf(chainPem: string) {
  const reading = nodeCertificateReader.readChain(chainPem);
  if (reading.outcome !== "read") throw new Error("not readable");
  return aVerifiedReport({ chainPem, sha256Thumbprint: reading.chain.leaf.sha256Thumbprint });
}

const leafOf = (issuer: typeof oldRoot): string => issueLeaf({ commonName: "pump-1", issuer, ...validity }).chainPem;
const device = aRow({ registrationId: RegistrationId.parse("pump-1"), before: [thumbprint("A")] });

async function rule(authority: "leaf" | "root", o: { frozen?: boolean } = {}) {
  const azure = new FakeAzure();
  azure.addAuthority("old-root", oldRoot.certificatePem);
  azure.addAuthority("stranger", stranger.certificatePem);
  const blobs = new MemoryRollBlobs();
  if (o.frozen ?? true)
    await blobs.putDocument(rollId, authorityPlan, {
      groupId: EnrollmentGroupId.parse("pumps"),
      authority: "root",
      family: "caReferences",
      successor: {
        sha256Thumbprint: Sha256Thumbprint.parse(newRoot.sha256Thumbprint),
        name: AuthorityName.parse("new-root"),
        certificatePem: newRoot.certificatePem,
        subject: "CN=New root",
        notAfter: instant(validity.notAfter.getTime()),
      },
      old: [{ sha256Thumbprint: Sha256Thumbprint.parse(oldRoot.sha256Thumbprint) }],
      warnings: [],
    });
  return readLeafRule(
    { blobs, certificates: nodeCertificateReader, authorities: azure.authorities },
    rollId,
    request(authority),
  );
}

describe("a new leaf is one that the roll is about", () => {
  it("if its chain leads to the CA that takes over, presented or not", async () => {
    const accepts = await rule("root");
    expect(accepts(device, reportOf(leafOf(newRoot)))).toBe(true);
    expect(accepts(device, reportOf(leafOf(below)))).toBe(true);
  });

  it.each([
    ["the CA on its way out", oldRoot],
    ["another CA that DPS knows", stranger],
  ])("not if it leads to %s", async (_what, issuer) => {
    expect((await rule("root"))(device, reportOf(leafOf(issuer)))).toBe(false);
  });

  it("not while nothing says which CA takes over", async () => {
    expect((await rule("root", { frozen: false }))(device, reportOf(leafOf(newRoot)))).toBe(false);
  });

  it("in a roll of leaves if it is not the planned one's stand-in, and something is known of the old one", async () => {
    const accepts = await rule("leaf");
    expect(accepts(device, reportOf(leafOf(oldRoot)))).toBe(true);
    const { before: _before, ...unknown } = device;
    expect(accepts(unknown, reportOf(leafOf(oldRoot)))).toBe(false);
    expect(
      accepts({ ...device, planned: { sha256Thumbprint: planned, notAfter: t0 } }, reportOf(leafOf(oldRoot))),
    ).toBe(false);
  });
});
