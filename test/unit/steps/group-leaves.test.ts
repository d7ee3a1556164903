import { createRoot, issueLeaf, type CertificateAuthority } from "../../../lab/pki/certificates";
import { AuthorityName, EnrollmentGroupId, Sha256Thumbprint } from "../../../shared/domain/ids";
import { instant } from "../../../shared/domain/instant";
import type { RollTarget } from "../../../shared/domain/roll/request";
import type { AuthorityPlan } from "../../../shared/domain/authority/plan";
import { authorityPlan } from "../../../shared/steps/authority-world";
import { rollId, t0 } from "../../support/builders";
import { ExpiryBed, type ExpiryDevice } from "./expiry-bed";

const DAY = 86_400_000;
const years = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 3_000 * DAY) };
const leaf = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 90 * DAY) };
const next = createRoot({ commonName: "Fleet root 2", ...years });
const other = createRoot({ commonName: "Other root", ...years });

interface Roll {
  readonly authority?: "leaf" | "root";
  readonly replacement?: RollTarget["replacement"];
  readonly source?: "inline" | "blob" | "device-managed";
}

/** A group of the fleet's root with one device, and a roll that brings what `roll` makes of the fleet. */
async function opened(roll: (bed: ExpiryBed) => Roll): Promise<[ExpiryBed, ExpiryDevice]> {
  const bed = new ExpiryBed();
  const { authority = "leaf", replacement = { kind: "none" }, source } = roll(bed);
  bed.azure.addAuthority("other-root", other.certificatePem);
  const device = bed.device("pump-1", { registered: false, replacement });
  bed.azure.dps.remove("pump-1");
  bed.azure.addGroup({ groupId: "pumps", caReferences: ["fleet-root"] });
  expect(bed.azure.register("pump-1", device.old.chainPem)).toBe(true);
  const named = { deviceId: device.deviceId, assignedHub: bed.azure.hub().port.hostName };
  await bed.open([{ ...device, target: { ...device.target, ...named } }], {
    playbook: "group-expiry",
    group: { groupId: "pumps", authority },
    ...(source === undefined ? {} : { replacement: source }),
  });
  if (authority === "root") await bed.blobs.putDocument(rollId, authorityPlan, succession(bed));
  return [bed, device];
}

function succession(bed: ExpiryBed): AuthorityPlan {
  const successor = {
    sha256Thumbprint: Sha256Thumbprint.parse(next.sha256Thumbprint),
    name: AuthorityName.parse("fleet-root-2"),
    certificatePem: next.certificatePem,
    ...{ subject: "CN=Fleet root 2", notAfter: instant(t0 + 3_000 * DAY) },
  };
  const old = [{ sha256Thumbprint: Sha256Thumbprint.parse(bed.root.sha256Thumbprint) }];
  const groupId = EnrollmentGroupId.parse("pumps");
  return { groupId, authority: "root", family: "caReferences", successor, old, warnings: [] };
}

function by(issuer: CertificateAuthority, commonName = "pump-1"): RollTarget["replacement"] {
  return { kind: "inline", chainPem: issueLeaf({ commonName, issuer, ...leaf }).chainPem };
}

describe("a leaf that comes with a group's roll", () => {
  it.each<[string, (bed: ExpiryBed) => Roll]>([
    ["from the group's CA, where leaves are rolled", (bed) => ({ replacement: by(bed.root) })],
    ["from the CA that takes over, before DPS has it", () => ({ authority: "root", replacement: by(next) })],
  ])("is planned, and sent to the device: %s", async (_what, roll) => {
    const [bed, device] = await opened(roll);
    expect(await bed.steps.readCourse({ rollId })).toMatchObject({ judges: true, stage: false });
    expect(await bed.plan()).toEqual({ planned: 1, refused: 0, open: 0 });
    const { planned } = await bed.row(device);
    expect(planned).toBeDefined();
    await bed.steps.dispatchBatch(bed.at);
    const [told] = bed.told(device, "reprovision");
    expect(told?.payload).toMatchObject({ chainPem: expect.stringContaining("BEGIN CERTIFICATE") as string });
    expect(await bed.plan()).toEqual({ planned: 1, refused: 0, open: 0 });
  });

  it.each<[string, (bed: ExpiryBed) => Roll]>([
    ["foreign-authority", () => ({ replacement: by(other) })],
    ["foreign-authority", (bed) => ({ authority: "root", replacement: by(bed.root) })],
    ["foreign-authority", () => ({ authority: "root", replacement: by(other) })],
    ["chain-not-anchored", () => ({ replacement: by(createRoot({ commonName: "Stranger", ...years })) })],
    ["common-name-differs", (bed) => ({ replacement: by(bed.root, "pump-2") })],
    ["private-key-in-input", () => ({ replacement: { kind: "discarded", code: "private-key-in-input" } })],
    ["replacement-missing", () => ({ source: "inline" })],
    ["replacement-missing", () => ({ source: "blob" })],
  ])("is refused with %s, and nothing is sent", async (code, roll) => {
    const [bed, device] = await opened(roll);
    expect(await bed.plan()).toEqual({ planned: 0, refused: 1, open: 0 });
    expect((await bed.row(device)).refusal).toMatchObject({ code });
    await bed.steps.dispatchBatch(bed.at);
    expect(bed.told(device, "reprovision")).toEqual([]);
  });

  it("is judged again where DPS did not answer, and nothing is sent meanwhile", async () => {
    const [bed, device] = await opened((world) => ({ replacement: by(world.root) }));
    const undo = bed.azure.faults.add({ operation: "dps.ca.list", effect: { kind: "status", status: 503 } });
    expect(await bed.plan()).toEqual({ planned: 0, refused: 0, open: 1 });
    await bed.steps.dispatchBatch(bed.at);
    expect(bed.told(device, "reprovision")).toEqual([]);
    undo();
    expect(await bed.plan()).toEqual({ planned: 1, refused: 0, open: 0 });
  });

  it("is not asked for where devices bring their own", async () => {
    const [bed, device] = await opened(() => ({ source: "device-managed" }));
    expect(await bed.steps.readCourse({ rollId })).toMatchObject({ judges: false });
    expect(await bed.plan()).toEqual({ planned: 0, refused: 0, open: 0 });
    await bed.steps.dispatchBatch(bed.at);
    expect(bed.told(device, "reprovision")).toHaveLength(1);
  });
});
