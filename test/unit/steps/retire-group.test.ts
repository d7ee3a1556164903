import { otherRollId, rollId } from "../../support/builders";
import { ExpiryBed } from "./expiry-bed";
import type { BedDevice } from "./bed";

const group = { playbook: "group-expiry", group: { groupId: "pumps", authority: "leaf" } } as const;

/** A device of a group that has changed over to a leaf of its own and is proven. */
async function proven(bed: ExpiryBed): Promise<BedDevice> {
  const device = bed.device("pump-1", { replacement: { kind: "none" } });
  await bed.open([{ ...device, target: { ...device.target, deviceId: device.deviceId } }], group);
  await bed.steps.dispatchBatch(bed.at);
  const [primaryPem, secondaryPem] = [device.fresh.certificatePem, device.old.certificatePem];
  bed.azure.dps.add({ registrationId: "pump-1", primaryPem, secondaryPem });
  await bed.obey(device);
  await bed.steps.proveChange(bed.at);
  expect(await bed.state(device)).toBe("proven");
  return device;
}

describe("proven devices of a group", () => {
  it("are read again and told to drop their old keys, once", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    expect(await bed.steps.retireBatch(bed.at)).toEqual({ retired: 1, kept: 0, open: 0, regressed: 0 });
    expect(await bed.state(device)).toBe("retired");
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 1, open: 0 });
    expect(bed.told(device, "commit")).toHaveLength(1);
  });

  it("that went back to their old leaf are regressed, and told nothing", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    bed.azure.register("pump-1", device.old.certificatePem);
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, regressed: 1 });
    expect(bed.told(device, "commit")).toEqual([]);
    expect((await bed.row(device)).proof).toBeUndefined();
  });

  it("count as done after three commands without an answer, with a warning", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    bed.azure.faults.add({ operation: "hub.method.invoke", effect: { kind: "hang" } });
    for (const open of [1, 1, 0]) expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ open });
    expect((await bed.row(device)).warnings).toContain("commit-unanswered");
    expect((await bed.steps.closeRoll({ rollId })).outcome).toBe("completed");
  });

  it("stay as they are while a hub does not answer", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    bed.azure.faults.add({ operation: "hub.twin.get", effect: { kind: "status", status: 500 } });
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, open: 1, regressed: 0 });
    expect(await bed.state(device)).toBe("proven");
  });
});

describe("a breach that takes the group of an expiry roll", () => {
  const breach = { rollId: otherRollId, priority: 3 };
  const pumps = [{ id: "pumps" }];
  /** As the roll has it that brings a new CA in. */
  const held = async (bed: ExpiryBed): Promise<void> => {
    await bed.targetClaims.claim({ rollId, priority: 0 }, "group", pumps);
  };

  it("ends its commands before a single device is the breach's", async () => {
    const bed = new ExpiryBed();
    await held(bed);
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    await bed.open([{ ...device, target: { ...device.target, deviceId: device.deviceId } }], group);
    await bed.targetClaims.claim(breach, "group", pumps);
    await bed.steps.dispatchBatch(bed.at);
    expect(bed.told(device, "reprovision")).toEqual([]);
    expect((await bed.row(device)).supersededBy).toBe(otherRollId);
  });

  it("lets every proven device keep its old key", async () => {
    const bed = new ExpiryBed();
    await held(bed);
    const device = await proven(bed);
    await bed.targetClaims.claim(breach, "group", pumps);
    await bed.steps.retireBatch(bed.at);
    expect(bed.told(device, "commit")).toEqual([]);
    expect(await bed.state(device)).toBe("superseded");
  });

  it("is heard between the decision and the command too", async () => {
    const bed = new ExpiryBed();
    await held(bed);
    const device = await proven(bed);
    bed.azure.faults.observe(({ operation }) => {
      if (operation === "hub.twin.get") void bed.targetClaims.claim(breach, "group", pumps);
    });
    await expect(bed.steps.retireBatch(bed.at)).rejects.toMatchObject({ code: "superseded-midway" });
    expect(bed.told(device, "commit")).toEqual([]);
  });
});
