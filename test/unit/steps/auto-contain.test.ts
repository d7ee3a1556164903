import { deviceState } from "../../../shared/domain/roll/device-state";
import { rollId } from "../../support/builders";
import { Bed, type BedDevice } from "./bed";
import { GroupBed } from "./group-bed";

const ids = (n: number): string[] => Array.from({ length: n }, (_, at) => `pump-${at + 1}`);

async function states(bed: Bed, devices: readonly BedDevice[]): Promise<string[]> {
  return Promise.all(devices.map(async (device) => deviceState(await bed.row(device))));
}

async function openedWith(perHour: number): Promise<{ bed: Bed; devices: BedDevice[]; held: BedDevice[] }> {
  const bed = new Bed({ autoContainPerHour: perHour });
  const devices = ids(5).map((id) => bed.device(id));
  await bed.open(...devices);
  const all = await states(bed, devices);
  return { bed, devices, held: devices.filter((_, at) => all[at] === "awaiting-approval") };
}

describe("an alert about more devices than alerts may cut off", () => {
  it("contains as many as it may; the others stay as they are, open and shown as exposed", async () => {
    const { bed, devices, held } = await openedWith(3);
    expect(held).toHaveLength(2);
    const entries = (): Promise<unknown[]> =>
      Promise.all(held.map(({ registrationId }) => bed.azure.enrollments.get(registrationId)));
    const before = await entries();
    await bed.contain();
    const cut = devices.filter((device) => !held.includes(device));
    expect(await states(bed, cut)).toEqual(Array.from({ length: 3 }, () => "await-self-heal"));
    for (const device of cut) expect(bed.opens(device, device.old)).toBe(false);
    for (const device of held) expect(bed.opens(device, device.old)).toBe(true);
    expect(await entries()).toEqual(before);
    // They keep the roll open, and belong to nobody meanwhile.
    expect((await bed.steps.proveBatch(bed.at)).open).toBe(5);
    const names = devices.map(({ registrationId }) => registrationId);
    expect([...(await bed.targetClaims.holders("device", names)).keys()]).toHaveLength(3);
  });

  it("names on its header what an approval has to name", async () => {
    const { bed } = await openedWith(3);
    const { heldBack } = await bed.steps.cutTargets({ rollId, parts: 1 });
    expect(heldBack).toMatchObject({ devices: 2, fromBatch: 0 });
    expect(await bed.rolls.get(rollId)).toMatchObject({ planHash: heldBack?.planHash });
  });

  it("contains the others too once a person has approved them, and only then", async () => {
    const { bed, devices, held } = await openedWith(3);
    await bed.contain();
    expect(await bed.steps.admitHeldBack({ ...bed.at, decision: "admit" })).toEqual({ admitted: 2 });
    expect(await bed.steps.admitHeldBack({ ...bed.at, decision: "admit" })).toEqual({ admitted: 0 });
    await bed.contain();
    for (const device of held) expect(bed.opens(device, device.old)).toBe(false);
    expect(new Set(await states(bed, devices))).toEqual(new Set(["await-self-heal"]));
  });

  it("leaves them alone where nobody approves, and waits for them no longer", async () => {
    const { bed, held } = await openedWith(3);
    await bed.contain();
    await bed.steps.admitHeldBack({ ...bed.at, decision: "drop" });
    expect(new Set(await states(bed, held))).toEqual(new Set(["skipped"]));
    for (const device of held) expect(bed.opens(device, device.old)).toBe(true);
    expect((await bed.steps.proveBatch(bed.at)).open).toBe(3);
    expect((await bed.steps.closeRoll({ rollId })).outcome).toBe("partial");
  });

  it("admits across batches in the order of the list", async () => {
    const bed = new Bed({ autoContainPerHour: 95 });
    await bed.open(...ids(185).map((id) => bed.device(id, { registered: false })));
    const held = await Promise.all(
      [0, 1, 2].map(async (batch) => {
        const { rows } = await bed.batches.read(rollId, batch);
        return rows.filter((row) => row.heldBack !== undefined).length;
      }),
    );
    expect(held).toEqual([0, 85, 5]);
    expect((await bed.steps.cutTargets({ rollId, parts: 1 })).heldBack).toMatchObject({ devices: 90, fromBatch: 1 });
  });

  it("holds nothing back where a person stands behind the request", async () => {
    const bed = new Bed({ autoContainPerHour: 0 });
    const device = bed.device("pump-1");
    const { timing } = bed;
    const about = { playbook: "individual-breach", source: "api", alertId: "1", reason: "leak" } as const;
    const requestedAt = bed.clock.now();
    const targets = [device.target];
    await bed.blobs.putRequest(rollId, { ...about, requestedBy: "Ada", requestedAt, targets, timing });
    await bed.rolls.create({ rollId, ...about, phase: "requested", requestedAt, devices: 1, batches: 1 });
    expect(await bed.openFleet()).not.toHaveProperty("heldBack");
    expect(await bed.state(device)).toBe("planned");
  });
});

describe("an alert about a group", () => {
  const alert = { authority: "root" } as const;
  function aGroup(perHour: number): GroupBed {
    const bed = new GroupBed({ autoContainPerHour: perHour });
    bed.azure.addGroup({ groupId: bed.groupId, caReferences: ["fleet-root"] });
    for (const id of ids(3)) bed.member(id);
    return bed;
  }
  const status = async (bed: GroupBed): Promise<string> => {
    const reading = await bed.azure.groups.get(bed.groupId);
    return reading.outcome === "found" ? reading.group.provisioningStatus : "missing";
  };

  it("closes it at once while its devices fit", async () => {
    const bed = aGroup(3);
    await bed.breach(alert);
    expect(await status(bed)).toBe("disabled");
    expect((await bed.batches.read(rollId, 0)).rows.some((row) => row.heldBack !== undefined)).toBe(false);
    // Nothing is left for another one.
    expect(await bed.autoContain.take({ rollId: OTHER, devices: 1, whole: false })).toBe(0);
  });

  it("writes nothing where they are too many, before a person has approved it", async () => {
    const bed = aGroup(2);
    await bed.breach(alert);
    expect(await status(bed)).toBe("enabled");
    const { planHash } = (await bed.rolls.get(rollId)) ?? {};
    expect(await bed.steps.closeGroup({ rollId })).toMatchObject({ outcome: "held-back", held: { planHash } });
    expect(await bed.steps.closeGroup({ rollId, approved: true })).toMatchObject({ outcome: "closed" });
    expect(await status(bed)).toBe("disabled");
    expect(await bed.steps.closeGroup({ rollId })).toMatchObject({ outcome: "closed" });
  });

  it("counts other groups that the CA reaches", async () => {
    const bed = aGroup(3);
    bed.azure.addGroup({ groupId: "branch", signingPems: [bed.ica.certificatePem] });
    bed.member("valve-1", { issuer: bed.ica });
    await bed.breach(alert);
    expect(await status(bed)).toBe("enabled");
  });

  it("takes what cannot be counted for too much", async () => {
    const bed = aGroup(1_000);
    bed.azure.faults.add({ operation: "dps.ca.list", effect: { kind: "status", status: 503 }, times: 9 });
    await bed.breach(alert);
    expect(await status(bed)).toBe("enabled");
  });
});

const OTHER = rollId.replace(/.$/, "0") as typeof rollId;
