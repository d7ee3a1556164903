import { X509Certificate } from "node:crypto";
import { EnrollmentGroupId, Sha256Thumbprint } from "../../../shared/domain/ids";
import type { GroupScope } from "../../../shared/domain/roll/request";
import { addMs } from "../../../shared/domain/instant";
import { otherRollId, rollId, t0 } from "../../support/builders";
import { documents } from "../../../shared/steps/roll-documents";
import type { BedDevice } from "./bed";
import { GroupBed } from "./group-bed";

const ROOT: Omit<GroupScope, "groupId"> = { authority: "root", compromised: { slots: ["primary", "secondary"] } };
const SUCCESSOR = { name: "fleet-root-2" };

function byRoot(): { bed: GroupBed; devices: BedDevice[] } {
  const bed = new GroupBed();
  bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
  const devices = ["pump-1", "pump-2", "pump-3"].map((id) => bed.member(id));
  return { bed, devices };
}

async function status(bed: GroupBed, groupId: string = bed.groupId): Promise<string> {
  const reading = await bed.azure.groups.get(EnrollmentGroupId.parse(groupId));
  return reading.outcome === "found" ? reading.group.provisioningStatus : "missing";
}

/** What must hold for a device of the group once the roll says that it is contained. */
async function expectCut(bed: GroupBed, device: BedDevice): Promise<void> {
  expect((await bed.row(device)).containedAt).toBeDefined();
  expect(bed.opens(device, device.old)).toBe(false);
  expect(bed.azure.register(device.registrationId, device.old.chainPem)).toBe(false);
}

describe("a compromised root", () => {
  it("is refused by DPS before anything is listed or looked up", async () => {
    const { bed } = byRoot();
    const calls: string[] = [];
    bed.azure.faults.observe(({ operation, write }) => {
      calls.push(`${operation}${write ? "!" : ""}`);
    });
    await bed.breach(ROOT, { requestedBy: "Ada" });
    expect(calls.slice(0, 2)).toEqual(["dps.group.get", "dps.group.put!"]);
    expect(await status(bed)).toBe("disabled");
  });

  it("takes the groups that it closes from whoever works on them, after the closing write, and gives them back at the end", async () => {
    const { bed } = byRoot();
    bed.azure.addGroup({ groupId: "line", signingPems: [bed.ica.certificatePem] });
    for (const id of ["fleet", "line"])
      await bed.targetClaims.claim({ rollId: otherRollId, priority: 0 }, "group", [{ id }]);
    const holders = async (): Promise<string[]> =>
      [...(await bed.targetClaims.holders("group", ["fleet", "line"])).values()].map((claim) => claim.rollId);
    let before: Promise<string[]> | undefined;
    bed.azure.faults.observe(({ operation, write }) => {
      if (write && operation === "dps.group.put") before ??= holders();
    });
    await bed.breach(ROOT, { requestedBy: "Ada" });
    expect(await before).toEqual([otherRollId, otherRollId]);
    expect(await holders()).toEqual([rollId, rollId]);
    expect(await bed.targetClaims.takeovers(otherRollId)).toBe(2);
    await bed.contain();
    await bed.steps.releaseClaims({ rollId, from: 0 });
    expect(await holders()).toEqual([]);
  });

  it("cuts off every device that registered through the group, with one read of the group per batch", async () => {
    const { bed, devices } = byRoot();
    await bed.breach({ ...ROOT, successor: SUCCESSOR });
    const reads: string[] = [];
    bed.azure.faults.observe(({ operation, write }) => {
      if (!write && operation.startsWith("dps.")) reads.push(operation);
    });
    expect(await bed.contain()).toBe(1);
    for (const device of devices) await expectCut(bed, device);
    expect(reads.filter((operation) => operation !== "dps.group.get" && operation !== "dps.ca.list")).toEqual([]);
    expect(await bed.state(devices[0] ?? never())).toBe("await-self-heal");
  });

  it("does not take the old leaf for a new one that lands late, because somebody had opened the group after the list", async () => {
    const { bed, devices } = byRoot();
    const [device = never()] = devices;
    await bed.breach({ ...ROOT, successor: SUCCESSOR });
    bed.reopen("fleet-root");
    const { accepted, finish } = bed.azure.startRegistration(device.registrationId, device.old.chainPem);
    expect(accepted).toBe(true);
    bed.clock.pass(10);
    await bed.steps.closeAtDps(bed.at);
    const { readyAt } = await bed.steps.holdAtHub(bed.at);
    bed.clock.pass(readyAt - bed.clock.now());
    await bed.steps.releaseHold(bed.at);
    // Longer under way than anybody waits.
    finish();
    bed.clock.pass(10);
    await bed.steps.confirmContained(bed.at);
    expect((await bed.row(device)).containedAt).toBeUndefined();
    await bed.contain();
    await expectCut(bed, device);
  });

  it("keeps out leaves that the thief made since, for devices that exist", async () => {
    const { bed, devices } = byRoot();
    const [device = never()] = devices;
    const minted = bed.leaf(device.registrationId);
    expect(bed.azure.register(device.registrationId, minted.chainPem)).toBe(true);
    await bed.breach({ ...ROOT, successor: SUCCESSOR });
    await bed.contain();
    expect(bed.opens(device, minted)).toBe(false);
    await expectCut(bed, device);
  });

  it("takes a leaf that DPS wrote over intact sentinels for the device's new one, and proves it", async () => {
    const { bed, devices } = byRoot();
    const [device = never()] = devices;
    await bed.breach({ ...ROOT, successor: SUCCESSOR });
    await bed.contain();
    bed.clock.pass(1_000);
    bed.reopen("fleet-root-2");
    await bed.healInGroup(device);
    await bed.steps.proveBatch(bed.at);
    expect(bed.asked(device)).toBe(1);
    await bed.report(device);
    await bed.steps.proveBatch(bed.at);
    expect(await bed.state(device)).toBe("proven");
    expect((await bed.row(device)).adopted).toEqual([device.fresh.sha256Thumbprint]);
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 0 });
  });

  it("does not take a leaf that came while the group stood open to the old root", async () => {
    const { bed, devices } = byRoot();
    const [device = never()] = devices;
    await bed.breach({ ...ROOT, successor: SUCCESSOR });
    await bed.contain();
    bed.clock.pass(1_000);
    bed.reopen("fleet-root");
    expect(bed.azure.register(device.registrationId, device.old.chainPem)).toBe(true);
    expect((await bed.steps.recheckContained(bed.at)).broken).toBe(3);
    await bed.contain();
    expect(await status(bed)).toBe("disabled");
    for (const each of devices) await expectCut(bed, each);
    expect((await bed.row(device)).warnings).toContain("containment-broken");
  });

  it("does not take a registration that was in flight at closure", async () => {
    const { bed, devices } = byRoot();
    const [device = never()] = devices;
    const late = bed.azure.startRegistration(device.registrationId, device.old.chainPem);
    await bed.breach({ ...ROOT, successor: SUCCESSOR });
    await bed.round();
    expect((await bed.row(device)).containedAt).toBeUndefined();
    late.finish();
    await bed.contain();
    await expectCut(bed, device);
    expect((await bed.row(device)).adopted).toBeUndefined();
  });

  it("proves no device on a chain that DPS does not hold as verified", async () => {
    const { bed, devices } = byRoot();
    const [device = never()] = devices;
    await bed.breach({ ...ROOT, successor: SUCCESSOR });
    await bed.contain();
    bed.clock.pass(1_000);
    bed.reopen("fleet-root-2");
    await bed.healInGroup(device);
    await bed.steps.proveBatch(bed.at);
    // The CA that it came by is taken away again before it reports.
    bed.azure.addAuthority("fleet-root-2", bed.newRoot.certificatePem, false);
    await bed.report(device);
    await bed.steps.proveBatch(bed.at);
    expect(await bed.state(device)).toBe("dispatched");
    expect((await bed.row(device)).missing).toContain("leaf");
  });

  it("stays closed, and waits for nobody, where no successor is named", async () => {
    const { bed, devices } = byRoot();
    await bed.breach(ROOT);
    await bed.contain();
    const row = await bed.row(devices[0] ?? never());
    expect(row.replacementPending).toBe("no-successor");
    expect(await bed.state(devices[0] ?? never())).toBe("contained");
    expect((await bed.steps.proveBatch(bed.at)).open).toBe(0);
    expect(await status(bed)).toBe("disabled");
  });

  it("also closes the groups of intermediates that it issued, and lists their devices", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    bed.azure.addGroup({ groupId: "branch", signingPems: [bed.ica.certificatePem] });
    bed.azure.addGroup({ groupId: "other", caReferences: ["fleet-root-2"] });
    const [own, branch] = [bed.member("pump-1"), bed.member("pump-2", { issuer: bed.ica })];
    const other = bed.member("valve-1", { issuer: bed.newRoot });
    await bed.breach(ROOT);
    expect([await status(bed), await status(bed, "branch"), await status(bed, "other")]).toEqual([
      "disabled",
      "disabled",
      "enabled",
    ]);
    await bed.contain();
    await expectCut(bed, own);
    await expectCut(bed, branch);
    expect(bed.opens(other, other.old)).toBe(true);
  });

  it("contains the group of the request while the CA list cannot be read, and says that more may be open", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    const device = bed.member("pump-1");
    bed.azure.faults.add({ operation: "dps.ca.list", effect: { kind: "status", status: 503 }, times: 100 });
    await bed.breach(ROOT, { requestedBy: "Ada" });
    expect(await bed.steps.closeReach({ rollId, insist: false })).toEqual({ complete: false, groups: 1 });
    await expect(bed.steps.closeReach({ rollId, insist: true })).rejects.toMatchObject({ retryable: true });
    await bed.contain();
    await expectCut(bed, device);
  });

  it("does not open a group that was disabled before the roll", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({
      groupId: "fleet",
      signingPems: [bed.ica.certificatePem, bed.newIca.certificatePem],
      provisioningStatus: "disabled",
    });
    await bed.breach({ authority: "intermediate", compromised: { slots: ["primary"] } });
    expect(await status(bed)).toBe("disabled");
  });

  it("goes on at the hubs where DPS has no group of that name", async () => {
    const { bed, devices } = byRoot();
    bed.azure.fakeGroups.remove("fleet");
    await bed.breach(ROOT);
    await bed.contain();
    const row = await bed.row(devices[0] ?? never());
    expect(row.warnings).toContain("group-missing");
    expect(row.containedAt).toBeDefined();
  });
});

describe("devices that nobody knows", () => {
  const knowing = (devices: readonly BedDevice[], o: object = {}) => ({
    targets: devices.map(({ target }) => target),
    compromisedSince: t0,
    ...o,
  });

  it("are cut off like the others, listed as rogue, and not waited for", async () => {
    const { bed, devices } = byRoot();
    const ghost = bed.member("ghost-1");
    await bed.breach({ ...ROOT, successor: SUCCESSOR }, knowing(devices));
    await bed.contain();
    await expectCut(bed, ghost);
    expect(await bed.state(ghost)).toBe("rogue");
    for (const device of devices) expect(await bed.state(device)).toBe("await-self-heal");
    expect((await bed.steps.proveBatch(bed.at)).open).toBe(3);
  });

  it.each([
    ["registered before the CA was in wrong hands", { compromisedSince: addMs(t0, 5) }, false],
    ["got a leaf from the app since", {}, true],
  ])("are none that %s", async (_what, o, issued) => {
    const { bed, devices } = byRoot();
    const late = bed.member("pump-9");
    if (issued)
      await bed.issuance.record({
        rollId,
        registrationId: late.registrationId,
        serialNumber: "4A01",
        sha256Thumbprint: Sha256Thumbprint.parse(late.old.sha256Thumbprint),
        publicKeySha256: "B".repeat(64),
        notAfter: addMs(t0, 1_000),
        at: addMs(t0, 1),
      });
    await bed.breach({ ...ROOT, successor: SUCCESSOR }, knowing(devices, o));
    await bed.contain();
    expect(await bed.state(late)).toBe("await-self-heal");
  });

  it("are not looked for where the request says neither who is known nor since when", async () => {
    const { bed } = byRoot();
    const ghost = bed.member("ghost-1");
    await bed.breach({ ...ROOT, successor: SUCCESSOR });
    await bed.contain();
    expect(await bed.state(ghost)).toBe("await-self-heal");
  });
});

describe("a compromised intermediate", () => {
  it("leaves the group's healthy slot in use where nothing above lets the old leaves in", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", signingPems: [bed.ica.certificatePem, bed.newIca.certificatePem] });
    const old = bed.member("pump-1", { issuer: bed.ica });
    await bed.breach({ authority: "intermediate", compromised: { slots: ["primary"] } });
    expect(await status(bed)).toBe("enabled");
    await bed.contain();
    await expectCut(bed, old);
    expect(bed.azure.register("pump-9", bed.leaf("pump-9", { issuer: bed.newIca }).chainPem)).toBe(true);
  });

  it("keeps the group disabled where its leaves would fall through to a group above", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", signingPems: [bed.ica.certificatePem, bed.newIca.certificatePem] });
    bed.azure.addGroup({ groupId: "above", caReferences: ["fleet-root"] });
    const old = bed.member("pump-1", { issuer: bed.ica });
    await bed.breach({ authority: "intermediate", compromised: { slots: ["primary"] } });
    expect([await status(bed), await status(bed, "above")]).toEqual(["disabled", "enabled"]);
    // It holds a healthy CA as well: only a person may take it away.
    const entry = await bed.denyLedger.find("group|fleet");
    expect(entry).toMatchObject({ kind: "closed-group", rollId });
    expect(entry?.removeAfter).toBeUndefined();
    await bed.contain();
    await expectCut(bed, old);
  });

  it("is denied by a group of its own where the fleet enrolls through the root, whose group opens again", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    const [old, sibling] = [bed.member("pump-1", { issuer: bed.ica }), bed.member("pump-2", { issuer: bed.sibling })];
    const { certificatePem, sha256Thumbprint } = bed.ica;
    await bed.breach({
      authority: "intermediate",
      compromised: { thumbprints: [Sha256Thumbprint.parse(sha256Thumbprint)], certificatePems: [certificatePem] },
    });
    const deny = `rollcall-deny-${sha256Thumbprint.slice(0, 16).toLowerCase()}`;
    expect([await status(bed), await status(bed, deny)]).toEqual(["enabled", "disabled"]);
    expect(await bed.denyLedger.find(`group|${deny}`)).toMatchObject({ kind: "deny-group", rollId });
    await bed.contain();
    await expectCut(bed, old);
    // Same leaf, other intermediate: it comes back by itself.
    expect(bed.azure.register(sibling.registrationId, sibling.old.chainPem)).toBe(true);
    expect((await bed.steps.recheckContained(bed.at)).broken).toBe(0);
    expect((await bed.row(sibling)).adopted).toEqual([sibling.old.sha256Thumbprint]);
  });

  it("lets devices keep the leaf by which a group above takes them back faster than it is confirmed", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", signingPems: [bed.ica.certificatePem] });
    bed.azure.addGroup({ groupId: "above", caReferences: ["fleet-root"] });
    const device = bed.member("pump-1", { issuer: bed.ica, nextIssuer: bed.sibling });
    await bed.breach({ authority: "intermediate", compromised: { slots: ["primary"] }, successor: SUCCESSOR });
    await bed.steps.closeAtDps(bed.at);
    const { readyAt } = await bed.steps.holdAtHub(bed.at);
    expect(bed.azure.register("pump-1", device.fresh.chainPem)).toBe(true);
    bed.clock.pass(readyAt - bed.clock.now() + 1);
    await bed.steps.releaseHold(bed.at);
    expect(bed.opens(device, device.fresh)).toBe(false);
    bed.clock.pass(1);
    expect(bed.azure.register("pump-1", device.fresh.chainPem)).toBe(true);
    // A refused thief writes over the record in between.
    bed.azure.setRegistration({
      registrationId: device.registrationId,
      deviceId: device.deviceId,
      assignedHub: undefined,
      status: "failed",
    });
    await bed.steps.confirmContained(bed.at);
    expect((await bed.row(device)).containedAt).toBeDefined();
    expect(bed.opens(device, device.fresh)).toBe(true);
    expect((await bed.denyLedger.find("group|fleet"))?.removeAfter).toBe(
      Date.parse(new X509Certificate(bed.ica.certificatePem).validTo),
    );
    expect(bed.opens(device, device.old)).toBe(false);
  });

  it("does not let a leaf stay that came before registrations in flight at closure have landed", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", signingPems: [bed.ica.certificatePem] });
    const device = bed.member("pump-1", { issuer: bed.ica });
    const late = bed.azure.startRegistration("pump-1", device.old.chainPem);
    await bed.breach({ authority: "intermediate", compromised: { slots: ["primary"] }, successor: SUCCESSOR });
    await bed.steps.closeAtDps(bed.at);
    const { readyAt } = await bed.steps.holdAtHub(bed.at);
    late.finish();
    bed.clock.pass(readyAt - bed.clock.now() + 1);
    await bed.steps.releaseHold(bed.at);
    expect(bed.opens(device, device.old)).toBe(false);
    expect((await bed.row(device)).adopted).toBeUndefined();
  });

  it("keeps the root's group closed where the intermediate itself was not sent", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    const thumbprints = [Sha256Thumbprint.parse(bed.ica.sha256Thumbprint)];
    await bed.breach({ authority: "intermediate", compromised: { thumbprints } });
    expect(await status(bed)).toBe("disabled");
  });

  it("is closed again where the deny group was opened", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    const old = bed.member("pump-1", { issuer: bed.ica });
    const { certificatePem, sha256Thumbprint } = bed.ica;
    const thumbprints = [Sha256Thumbprint.parse(sha256Thumbprint)];
    const compromised = { thumbprints, certificatePems: [certificatePem] };
    await bed.breach({ authority: "intermediate", compromised });
    await bed.contain();
    const reach = await bed.blobs.findDocument(rollId, documents.breachReach);
    bed.azure.fakeGroups.remove(reach?.denyGroups[0]?.groupId ?? "");
    expect((await bed.steps.recheckContained(bed.at)).broken).toBe(1);
    await bed.contain();
    expect(await status(bed)).toBe("disabled");
    await expectCut(bed, old);
  });
});

describe("closeGroup", () => {
  it("decides again when somebody writes the group in between", async () => {
    const { bed } = byRoot();
    bed.azure.faults.add({ operation: "dps.group.put", effect: { kind: "status", status: 412 }, times: 1 });
    await bed.breach(ROOT);
    expect(await status(bed)).toBe("disabled");
  });

  it("notes what it will write before it writes it, and once however often it runs", async () => {
    const { bed } = byRoot();
    await bed.breach(ROOT);
    await bed.steps.closeGroup({ rollId });
    await bed.steps.closeReach({ rollId, insist: true });
    const { entries } = await bed.rollJournal.read(rollId, { limit: 100 });
    expect(entries.map(({ kind, target, action, result }) => [kind, target, action, result])).toEqual([
      ["intent", "group fleet", "close", undefined],
      ["outcome", "group fleet", "close", "written"],
    ]);
  });
});

function never(): never {
  throw new Error("no such device");
}
