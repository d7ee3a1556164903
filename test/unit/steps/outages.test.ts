import { otherHubName } from "../../support/builders";
import { Bed, type BedDevice } from "./bed";

const down = { kind: "status", status: 503 } as const;

/** Once no further round is needed, or the steps stop calling for one. */
async function settled(bed: Bed): Promise<void> {
  await bed.contain(12);
}

function held(bed: Bed, device: BedDevice): boolean {
  return bed.azure.hub().identity(device.deviceId)?.status === "disabled" && !bed.opens(device, device.old);
}

describe("while DPS does not answer for one device", () => {
  it.each(["dps.enrollment.get", "dps.enrollment.put", "dps.registration.get"])(
    "(%s) the others are contained, and the batch comes to an end",
    async (operation) => {
      const bed = new Bed();
      const [sick, well] = [bed.device("pump-1"), bed.device("pump-2")];
      bed.azure.faults.add({ operation, subject: "pump-1", effect: down });
      await bed.open(sick, well);
      await bed.round();
      expect((await bed.row(well)).containedAt).toBeDefined();
      expect(bed.opens(sick, sick.old)).toBe(false);
      await settled(bed);
      expect(await bed.state(sick)).toBe("contained-unconfirmed");
      expect(await bed.state(well)).toBe("await-self-heal");
    },
  );

  it("its identity is disabled and stays so, because the old leaf can still register", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.faults.add({ operation: "dps.enrollment.*", effect: down });
    await bed.open(device);
    await settled(bed);
    expect(held(bed, device)).toBe(true);
  });

  it("nothing is claimed for it, and once DPS is back it is contained after all", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const wellAgain = bed.azure.faults.add({ operation: "dps.*", effect: down });
    await bed.open(device);
    await settled(bed);
    expect((await bed.row(device)).unconfirmed).toBeDefined();
    wellAgain();
    await bed.steps.closeAtDps(bed.at);
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 1 });
    await settled(bed);
    expect(await bed.state(device)).toBe("await-self-heal");
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(false);
    await bed.heal(device);
    expect(bed.opens(device, device.fresh)).toBe(true);
  });
});

describe("while DPS refuses the app's own credentials", () => {
  it.each([401, 400] as const)("(%s) the hubs are cut all the same", async (status) => {
    const bed = new Bed();
    const [sick, well] = [bed.device("pump-1"), bed.device("pump-2")];
    bed.azure.faults.add({ operation: "dps.enrollment.get", subject: "pump-1", effect: { kind: "status", status } });
    await bed.open(sick, well);
    await bed.round();
    expect(held(bed, sick)).toBe(true);
    expect((await bed.row(well)).containedAt).toBeDefined();
  });
});

describe("while a hub does not answer", () => {
  it("the other hub is cut, and nothing is claimed", async () => {
    const bed = new Bed({ hubNames: ["lab-hub.azure-devices.net", otherHubName] });
    const device = bed.device("pump-1");
    bed.azure.register("pump-1", device.old.certificatePem, otherHubName);
    await bed.open(device);
    // The first registry call is the first hub's.
    bed.azure.faults.add({ operation: "hub.registry.bulk", effect: down, times: 1 });
    await bed.steps.closeAtDps(bed.at);
    expect((await bed.steps.holdAtHub(bed.at)).pending).toBe(1);
    expect(bed.opens(device, device.old)).toBe(true);
    expect(bed.opens(device, device.old, otherHubName)).toBe(false);
    await bed.steps.releaseHold(bed.at);
    await bed.steps.confirmContained(bed.at);
    expect((await bed.row(device)).containedAt).toBeUndefined();
    await bed.contain();
    expect(bed.opens(device, device.old)).toBe(false);
  });

  it("for one device only, the others are contained", async () => {
    const bed = new Bed();
    const [sick, well] = [bed.device("pump-1"), bed.device("pump-2")];
    const wellAgain = bed.azure.faults.add({ operation: "hub.twin.get", subject: "pump-1", effect: down });
    await bed.open(sick, well);
    await bed.round();
    expect((await bed.row(well)).containedAt).toBeDefined();
    expect((await bed.row(sick)).containedAt).toBeUndefined();
    wellAgain();
    await bed.contain();
    expect((await bed.row(sick)).containedAt).toBeDefined();
  });

  it("an identity whose hold was done but never answered is not released before the hold has lasted", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.steps.closeAtDps(bed.at);
    bed.clock.pass(600_000);
    bed.azure.faults.add({ operation: "hub.registry.bulk", effect: { kind: "reply-lost" }, times: 1 });
    const { readyAt, pending } = await bed.steps.holdAtHub(bed.at);
    expect(pending).toBe(1);
    expect(held(bed, device)).toBe(true);
    bed.clock.pass(Math.max(0, readyAt - bed.clock.now()));
    await bed.steps.releaseHold(bed.at);
    expect(held(bed, device)).toBe(true);
    await bed.contain();
    expect((await bed.row(device)).containedAt).toBeDefined();
  });

  it("a device that already uses its healthy leaf is not taken for contained before its sessions were cut", async () => {
    const bed = new Bed();
    const standby = bed.leaf("pump-1");
    const device = bed.device("pump-1", { standby, target: { replacement: { kind: "none" } } });
    bed.azure.register("pump-1", standby.certificatePem);
    await bed.open(device);
    bed.azure.faults.add({ operation: "hub.registry.bulk", effect: down, times: 1 });
    await bed.round();
    expect((await bed.row(device)).containedAt).toBeUndefined();
    await bed.contain();
    expect((await bed.row(device)).hubs[bed.azure.hub().port.hostName]?.heldAt).toBeDefined();
  });
});

describe("a service that acknowledges and does nothing", () => {
  it("(the hub) is found out by fresh reads: never contained, listed as exposed", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.faults.add({ operation: "hub.registry.bulk", effect: { kind: "acknowledged-not-done" } });
    await bed.open(device);
    await settled(bed);
    expect(await bed.state(device)).toBe("contained-unconfirmed");
    expect((await bed.row(device)).unconfirmed).toContain("outside the allow set");
  });

  it("(DPS) is found out by fresh reads: never contained, listed as exposed", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.faults.add({ operation: "dps.enrollment.put", effect: { kind: "acknowledged-not-done" } });
    await bed.open(device);
    await settled(bed);
    expect(await bed.state(device)).toBe("contained-unconfirmed");
    expect((await bed.row(device)).unconfirmed).toContain("DPS");
  });
});

describe("containment that is broken afterwards", () => {
  const putBack = (bed: Bed, device: BedDevice): void =>
    bed.azure.addIdentity({ deviceId: device.deviceId, primaryThumbprint: device.old.sha256Thumbprint });

  it("takes the claim back and is repaired", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    putBack(bed, device);
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 1 });
    expect((await bed.row(device)).containedAt).toBeUndefined();
    expect((await bed.row(device)).warnings).toContain("containment-broken");
    await bed.contain();
    expect(bed.opens(device, device.old)).toBe(false);
    expect(await bed.state(device)).toBe("await-self-heal");
  });

  it("at DPS is closed there again", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    bed.azure.addEnrollment({ registrationId: "pump-1", primaryPem: device.old.certificatePem });
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 1 });
    await bed.contain();
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(false);
  });

  it("is held twice as long each time", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    putBack(bed, device);
    await bed.steps.recheckContained(bed.at);
    await bed.steps.closeAtDps(bed.at);
    const { readyAt } = await bed.steps.holdAtHub(bed.at);
    expect(readyAt - bed.clock.now()).toBe(1_000);
  });

  it("for the third time leaves the identity disabled for good, and says so", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    for (let time = 1; time <= 3; time += 1) {
      putBack(bed, device);
      expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 1 });
      await bed.contain();
    }
    expect(held(bed, device)).toBe(true);
    expect(await bed.state(device)).toBe("contained-unconfirmed");
    expect((await bed.row(device)).unconfirmed).toContain("stays disabled");
    // Later looks do not open it again.
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 0 });
    await bed.contain();
    expect(held(bed, device)).toBe(true);
  });

  it("is not seen in what a registration with the new leaf does", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    await bed.heal(device);
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 0 });
  });

  it("is not concluded from an outage", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    for (const operation of ["dps.*", "hub.*"]) {
      const wellAgain = bed.azure.faults.add({ operation, effect: down });
      expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 0 });
      wellAgain();
    }
    expect(await bed.state(device)).toBe("await-self-heal");
  });
});
