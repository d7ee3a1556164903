import { DeviceId, RegistrationId, Sha256Thumbprint } from "../../../shared/domain/ids";
import { takeInventory, type InventoryCursor } from "../../../shared/contract/inventory";
import { InventoryId } from "../../../shared/domain/inventory/inventory";
import { beginExamination } from "../../../shared/contract/examination";
import { addMs, type Instant } from "../../../shared/domain/instant";
import { deviceState } from "../../../shared/domain/roll/device-state";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import type { GroupScope } from "../../../shared/domain/roll/request";
import { documents } from "../../../shared/steps/roll-documents";
import { rollId, t0 } from "../../support/builders";
import { createRoot } from "../../../lab/pki/certificates";
import { validity, type BedDevice } from "./bed";
import { GroupBed } from "./group-bed";

const ROOT: Omit<GroupScope, "groupId"> = { authority: "root", compromised: { slots: ["primary", "secondary"] } };
const THIEFS = "F".repeat(64);

/** Three pumps that registered through the group of the root that is to leak. */
function fleet(o: ConstructorParameters<typeof GroupBed>[0] = {}): { bed: GroupBed; devices: BedDevice[] } {
  const bed = new GroupBed(o);
  bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
  const devices = ["pump-1", "pump-2", "pump-3"].map((id) => bed.member(id));
  return { bed, devices };
}

async function inventory(bed: GroupBed, taken: { inventoryId: InventoryId; startedAt: Instant }): Promise<void> {
  let cursor: InventoryCursor | undefined = { at: "trust" };
  while (cursor !== undefined) {
    const piece = takeInventory.output.parse(await bed.steps.takeInventory({ ...taken, cursor }));
    cursor = piece.next;
    bed.clock.pass(10);
  }
}

/** An inventory as the timer takes it. */
async function earlier(bed: GroupBed): Promise<void> {
  const startedAt = bed.clock.now();
  await inventory(bed, { inventoryId: InventoryId.parse("20251231T000000000Z-1f0c9a3e"), startedAt });
}

/** One look, as the orchestrator takes it; answers how many batches there are then. */
async function look(bed: GroupBed, at: "dps" | "hubs", batches: number, groups = false): Promise<number> {
  let [part, cursor]: [number, string | undefined] = [0, undefined];
  do {
    const piece: { next?: string | undefined } = await bed.steps.gatherOthers({
      ...{ rollId, at, groups, part },
      ...(cursor === undefined ? {} : { cursor }),
    });
    cursor = piece.next;
    part += 1;
  } while (cursor !== undefined);
  const cut = await bed.steps.cutOthers({ rollId, at, parts: part, batches });
  for (let from: number | undefined = batches; from !== undefined && from < cut.batches;)
    from = (await bed.steps.openBatches({ rollId, from, batches: cut.batches })).next;
  return cut.batches;
}

async function examine(bed: GroupBed, groups = false): Promise<DeviceRow[]> {
  const { batches: first = 0 } = (await bed.rolls.get(rollId)) ?? {};
  const atDps = await look(bed, "dps", first, groups);
  for (let batch = first; batch < atDps; batch += 1) await bed.contain(8, batch);
  const taken = beginExamination.output.parse(await bed.steps.beginExamination({ rollId }));
  await inventory(bed, taken);
  const all = await look(bed, "hubs", atDps);
  for (let batch = atDps; batch < all; batch += 1) await bed.contain(8, batch);
  const rows = [];
  for (let batch = first; batch < all; batch += 1) rows.push(...(await bed.batches.read(rollId, batch)).rows);
  return rows;
}

function identity(bed: GroupBed, id: string): ReturnType<ReturnType<GroupBed["azure"]["hub"]>["identity"]> {
  return bed.azure.hub().identity(DeviceId.parse(id));
}

function isCut(bed: GroupBed, id: string): boolean {
  const { primaryThumbprint, secondaryThumbprint } = identity(bed, id) ?? {};
  return ![primaryThumbprint, secondaryThumbprint].includes(THIEFS);
}

describe("identities that no list of an affected group shows", () => {
  const BREACH = { requestedBy: "Ada", compromisedSince: addMs(t0, 5) };

  it("are cut off where DPS has no record of them, and called rogue where nobody knows them", async () => {
    const { bed, devices } = fleet();
    await earlier(bed);
    bed.clock.pass(10_000);
    const breach = { ...BREACH, compromisedSince: bed.clock.now() };
    bed.clock.pass(10);
    bed.azure.addIdentity({ deviceId: DeviceId.parse("ghost-1"), primaryThumbprint: THIEFS });
    await bed.breach(ROOT, { ...breach, targets: devices.map(({ target }) => target) });
    await bed.contain();
    const rows = await examine(bed);
    expect(rows.map(({ registrationId }) => registrationId)).toEqual(["ghost-1"]);
    expect(isCut(bed, "ghost-1")).toBe(true);
    expect(rows.map(deviceState)).toEqual(["rogue"]);
    expect(rows[0]?.warnings).toContain("no-registration-record");
    const roll = await bed.rolls.get(rollId);
    expect(roll).toMatchObject({ devices: 4, batches: 2 });
  });

  it("are on the first list where the request names them", async () => {
    const { bed, devices } = fleet();
    const deleted = bed.leaf("pump-9");
    bed.azure.addIdentity({ deviceId: DeviceId.parse("pump-9"), primaryThumbprint: deleted.sha256Thumbprint });
    const named = {
      registrationId: RegistrationId.parse("pump-9"),
      compromisedSlots: [],
      replacement: { kind: "none" },
    };
    const targets = [...devices.map(({ target }) => target), named as BedDevice["target"]];
    await bed.breach({ ...ROOT, successor: { name: "fleet-root-2" } }, { ...BREACH, targets });
    await bed.contain();
    expect(await examine(bed)).toEqual([]);
    expect(identity(bed, "pump-9")?.primaryThumbprint).not.toBe(deleted.sha256Thumbprint);
  });

  it.each([
    ["stood there before the breach with the same certificate", "before"],
    ["hold a leaf that the app had issued", "issued"],
    ["open by shared keys, which no CA makes", "sas"],
    ["hold the leaf of an enrollment of their own", "enrolled"],
    ["registered through a group that nobody suspects", "other-group"],
  ] as const)("are left alone that %s", async (_what, why) => {
    const { bed, devices } = fleet();
    const deviceId = DeviceId.parse("valve-1");
    const leaf = bed.leaf("valve-1", { issuer: createRoot({ commonName: "Other root", ...validity }) });
    const primaryThumbprint = leaf.sha256Thumbprint;
    if (why === "before" || why === "other-group") {
      const then = why === "before" ? primaryThumbprint : "9".repeat(64);
      bed.azure.addIdentity({ deviceId, primaryThumbprint: then });
      await earlier(bed);
      bed.clock.pass(1_000);
    }
    const compromisedSince = bed.clock.now();
    bed.clock.pass(10);
    if (why === "issued") {
      bed.azure.addIdentity({ deviceId, primaryThumbprint });
      await bed.issuance.record({
        rollId,
        registrationId: RegistrationId.parse("valve-1"),
        serialNumber: "4A01",
        sha256Thumbprint: Sha256Thumbprint.parse(primaryThumbprint),
        publicKeySha256: "B".repeat(64),
        notAfter: addMs(t0, 1_000),
        at: addMs(t0, 1),
      });
    }
    if (why === "sas") bed.azure.hub().add({ deviceId, primaryThumbprint: "", authentication: "sas" });
    if (why === "enrolled") {
      bed.azure.addEnrollment({ registrationId: "valve-1", primaryPem: leaf.certificatePem });
      bed.azure.register("valve-1", leaf.certificatePem);
    }
    if (why === "other-group") {
      bed.azure.addGroup({ groupId: "valves", caReferences: ["fleet-root-2"] });
      bed.member("valve-1", { issuer: bed.newRoot });
    }
    const before = identity(bed, "valve-1");
    await bed.breach(ROOT, { ...BREACH, compromisedSince, targets: devices.map(({ target }) => target) });
    await bed.contain();
    expect(await examine(bed)).toEqual([]);
    expect(identity(bed, "valve-1")).toEqual(before);
  });

  it("are cut off that hold another certificate than before, which no registration explains", async () => {
    const { bed, devices } = fleet();
    bed.azure.addGroup({ groupId: "valves", caReferences: ["fleet-root-2"] });
    const valve = bed.member("valve-1", { issuer: bed.newRoot });
    await earlier(bed);
    bed.clock.pass(1_000);
    const compromisedSince = bed.clock.now();
    bed.clock.pass(10);
    bed.azure.addIdentity({ deviceId: valve.deviceId, primaryThumbprint: THIEFS });
    await bed.breach(ROOT, { ...BREACH, compromisedSince, targets: devices.map(({ target }) => target) });
    await bed.contain();
    const rows = await examine(bed);
    expect(rows.map(({ registrationId, warnings }) => [registrationId, warnings])).toEqual([
      ["valve-1", ["changed-since-compromise"]],
    ]);
    expect(isCut(bed, "valve-1")).toBe(true);
    // Its own group stays open to it.
    expect(bed.azure.register("valve-1", valve.old.chainPem)).toBe(true);
  });

  it("wait for a person where nobody answers for the alert by name", async () => {
    const { bed } = fleet();
    bed.azure.addIdentity({ deviceId: DeviceId.parse("ghost-1"), primaryThumbprint: THIEFS });
    await bed.breach(ROOT, {});
    await bed.contain();
    const rows = await examine(bed);
    expect(rows.map(deviceState)).toEqual(["awaiting-approval"]);
    expect(identity(bed, "ghost-1")?.primaryThumbprint).toBe(THIEFS);
    const { heldBack } = await bed.steps.holdOthers({ rollId, from: 1, batches: 2 });
    expect(heldBack).toMatchObject({ devices: 1, fromBatch: 1 });
    expect((await bed.rolls.get(rollId))?.planHash).toBe(heldBack?.planHash);
    await bed.steps.admitHeldBack({ rollId, batch: 1, decision: "admit" });
    await bed.contain(8, 1);
    expect(isCut(bed, "ghost-1")).toBe(true);
  });

  it("have one batch each, however often it is looked, and at whatever point a run was cut off", async () => {
    const { bed, devices } = fleet();
    for (const id of ["ghost-1", "ghost-2"])
      bed.azure.addIdentity({ deviceId: DeviceId.parse(id), primaryThumbprint: THIEFS });
    await bed.breach(ROOT, { ...BREACH, targets: devices.map(({ target }) => target) });
    await bed.contain();
    const first = await examine(bed);
    expect(await look(bed, "hubs", 1)).toBe(2);
    expect(await look(bed, "dps", 1)).toBe(1);
    expect(await bed.rolls.get(rollId)).toMatchObject({ devices: 5, batches: 2 });
    expect((await bed.batches.read(rollId, 1)).rows).toEqual(first);
  });

  it("are examined on record", async () => {
    const { bed } = fleet();
    await bed.breach(ROOT, BREACH);
    const begun = await bed.steps.beginExamination({ rollId });
    expect(await bed.steps.beginExamination({ rollId })).toEqual(begun);
    expect((await bed.rolls.get(rollId))?.examination).toEqual({ ...begun, state: "running" });
    await bed.steps.noteExamination({ rollId, state: "failed" });
    expect((await bed.rolls.get(rollId))?.examination).toMatchObject({ state: "failed" });
  });
});

describe("individual enrollments that refer to a compromised CA", () => {
  it("are disabled and their devices cut off, those of other CAs are not", async () => {
    const { bed } = fleet();
    for (const [id, ca] of [
      ["lone-1", "FLEET-ROOT"],
      ["lone-2", "fleet-root-2"],
    ] as const) {
      bed.azure.addEnrollment({ registrationId: id, caReferences: [ca] });
      bed.azure.addIdentity({ deviceId: DeviceId.parse(id), primaryThumbprint: THIEFS });
      bed.azure.setRegistration({
        ...{ registrationId: RegistrationId.parse(id), deviceId: DeviceId.parse(id), status: "assigned" },
        assignedHub: bed.azure.hub().port.hostName,
      });
    }
    await bed.breach(ROOT, { requestedBy: "Ada" });
    await bed.contain();
    const [row, ...more] = await examine(bed);
    expect(more).toEqual([]);
    expect(row).toMatchObject({ registrationId: "lone-1", warnings: ["entry-by-compromised-ca"] });
    expect(bed.azure.dps.entry("lone-1")?.provisioningStatus).toBe("disabled");
    expect(isCut(bed, "lone-1")).toBe(true);
    expect(bed.azure.dps.entry("lone-2")?.provisioningStatus).toBe("enabled");
    expect(isCut(bed, "lone-2")).toBe(false);
  });

  it("are closed again where somebody opens one", async () => {
    const { bed } = fleet();
    bed.azure.addEnrollment({ registrationId: "lone-1", caReferences: ["fleet-root"] });
    bed.azure.addIdentity({ deviceId: DeviceId.parse("lone-1"), primaryThumbprint: THIEFS });
    await bed.breach(ROOT, { requestedBy: "Ada" });
    await bed.contain();
    await examine(bed);
    bed.azure.addEnrollment({ registrationId: "lone-1", caReferences: ["fleet-root"] });
    expect(await bed.steps.recheckContained({ rollId, batch: 1 })).toMatchObject({ broken: 1 });
    await bed.contain(8, 1);
    expect(bed.azure.dps.entry("lone-1")?.provisioningStatus).toBe("disabled");
  });
});

describe("groups that were found later", () => {
  it("have their devices contained as well", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    bed.azure.addGroup({ groupId: "line", signingPems: [bed.ica.certificatePem] });
    bed.member("pump-1");
    const late = bed.member("pump-2", { issuer: bed.ica });
    const undo = bed.azure.faults.add({ operation: "dps.ca.list", effect: { kind: "status", status: 503 } });
    await bed.breach(ROOT, { requestedBy: "Ada" });
    expect(await bed.blobs.findDocument(rollId, documents.breachReach)).toBeUndefined();
    await bed.contain();
    undo();
    await bed.steps.closeReach({ rollId, insist: true });
    const rows = await examine(bed, true);
    expect(rows.map(({ registrationId, containedAt }) => [registrationId, containedAt !== undefined])).toEqual([
      ["pump-2", true],
    ]);
    expect(bed.opens(late, late.old)).toBe(false);
    expect(bed.azure.register("pump-2", late.old.chainPem)).toBe(false);
  });
});
