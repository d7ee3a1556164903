import { thumbprintOf } from "../../support/fake-azure";
import { Bed, type BedDevice } from "./bed";
import { expectContained } from "./contained";

describe("the name of the hub device", () => {
  it("is the registration record's word, whatever the entry says now", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { nameInEntry: "Pump-One" });
    bed.azure.addEnrollment({ registrationId: "pump-1", deviceId: "Pump-New", primaryPem: device.old.certificatePem });
    await bed.open(device);
    await bed.contain();
    expect((await bed.row(device)).deviceId).toBe("Pump-One");
    await expectContained(bed, device);
  });

  it("is the entry's word where DPS has no record of a registration", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { nameInEntry: "Pump-One", registered: false });
    await bed.open(device);
    await bed.contain();
    expect((await bed.row(device)).deviceId).toBe("Pump-One");
    await expectContained(bed, device);
  });

  it("is the registration id where neither says anything", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { registered: false });
    bed.azure.dps.remove("pump-1");
    await bed.open(device);
    await bed.contain();
    expect((await bed.row(device)).deviceId).toBe("pump-1");
    expect(bed.opens(device, device.old)).toBe(false);
  });
});

describe("what a person has to know", () => {
  it("is that DPS has no entry for the device", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.dps.remove("pump-1");
    await bed.open(device);
    await bed.contain();
    expect(await bed.row(device)).toMatchObject({ warnings: ["enrollment-missing"], entry: { state: "missing" } });
    expect(bed.opens(device, device.old)).toBe(false);
  });

  it("is that a shared key opens the identity, which is left as it is", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const { deviceId } = device;
    bed.azure.addIdentity({ deviceId, primaryThumbprint: device.old.sha256Thumbprint, authentication: "sas" });
    const before = bed.azure.hub().identity(deviceId);
    await bed.open(device);
    await bed.contain();
    expect((await bed.row(device)).warnings).toContain("sas-authentication");
    expect(bed.azure.hub().identity(deviceId)).toEqual(before);
  });

  it("is not said of a device with certificates and an entry", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    expect((await bed.row(device)).warnings).toEqual(["same-key-unchecked"]);
  });
});

describe("the anchor that proofs are measured from", () => {
  it("is the moment of our own fresh read where somebody else had closed the entry before the roll", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { target: { compromisedSlots: ["secondary"] } });
    await bed.open({ ...device, target: { ...device.target, replacement: { kind: "none" } } });
    bed.clock.pass(5_000);
    await bed.steps.closeAtDps(bed.at);
    expect((await bed.row(device)).entry).toMatchObject({ state: "closed", closedAt: bed.clock.now() });
  });

  it("is the service's time of our own write where the answer to it was lost", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    bed.azure.faults.add({ operation: "dps.enrollment.put", effect: { kind: "reply-lost" }, times: 1 });
    expect(await bed.steps.closeAtDps(bed.at)).toEqual({ closed: 0, open: 1 });
    const written = bed.azure.dps.entry("pump-1")?.lastUpdatedAt;
    bed.clock.pass(5_000);
    expect(await bed.steps.closeAtDps(bed.at)).toEqual({ closed: 1, open: 0 });
    expect((await bed.row(device)).entry.closedAt).toBe(written);
  });

  it("is our read again where our own write lost the race against somebody who closed it", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    await bed.open(device);
    bed.azure.faults.observe(({ operation }) => {
      if (operation !== "dps.enrollment.get") return;
      bed.azure.addEnrollment({
        registrationId: "pump-1",
        primaryPem: device.old.certificatePem,
        provisioningStatus: "disabled",
      });
      bed.clock.pass(3);
    });
    await bed.steps.closeAtDps(bed.at);
    expect((await bed.row(device)).entry).toMatchObject({ state: "closed", closedAt: bed.clock.now() });
  });
});

describe("an operator's disabled entry", () => {
  const disabled = (bed: Bed, device: BedDevice): void =>
    bed.azure.addEnrollment({
      registrationId: "pump-1",
      primaryPem: device.old.certificatePem,
      provisioningStatus: "disabled",
    });

  it("stays disabled when the new leaf comes with the alert", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    disabled(bed, device);
    await bed.open(device);
    await bed.contain();
    expect(bed.azure.dps.entry("pump-1")?.provisioningStatus).toBe("disabled");
  });

  it("stays disabled when the replacement could be judged only later", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    disabled(bed, device);
    const wellAgain = bed.azure.faults.add({ operation: "dps.ca.list", effect: { kind: "status", status: 503 } });
    await bed.open(device);
    await bed.contain();
    wellAgain();
    await bed.steps.closeAtDps(bed.at);
    expect((await bed.row(device)).planned).toBeDefined();
    expect(bed.azure.dps.entry("pump-1")?.provisioningStatus).toBe("disabled");
  });

  it("stays disabled when containment broke and is repaired", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    disabled(bed, device);
    await bed.open(device);
    await bed.contain();
    // Somebody puts the old leaf back and enables the entry.
    bed.azure.addEnrollment({ registrationId: "pump-1", primaryPem: device.old.certificatePem });
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 1 });
    disabled(bed, device);
    await bed.contain();
    expect(bed.azure.dps.entry("pump-1")?.provisioningStatus).toBe("disabled");
  });

  it("is told from one that this roll disabled, which is enabled with the leaf that comes later", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const wellAgain = bed.azure.faults.add({ operation: "dps.ca.list", effect: { kind: "status", status: 503 } });
    await bed.open(device);
    bed.batches.killSettles = 1;
    await expect(bed.steps.closeAtDps(bed.at)).rejects.toThrow("killed");
    bed.clock.pass(61_000);
    await bed.contain();
    expect(bed.azure.dps.entry("pump-1")?.provisioningStatus).toBe("disabled");
    wellAgain();
    await bed.steps.closeAtDps(bed.at);
    const entry = bed.azure.dps.entry("pump-1");
    expect(entry?.provisioningStatus).toBe("enabled");
    expect(entry?.primary?.sha256Thumbprint).toBe(thumbprintOf(device.fresh.certificatePem));
  });
});
