import { HubHostName } from "../../../shared/domain/ids";
import { otherHubName } from "../../support/builders";
import { Bed, type BedDevice } from "./bed";
import { expectContained } from "./contained";

const twin = (bed: Bed, device: BedDevice): { status?: string; thumbprints: (string | undefined)[] } => {
  const identity = bed.azure.hub().identity(device.deviceId);
  return {
    ...(identity === undefined ? {} : { status: identity.status }),
    thumbprints: [identity?.primaryThumbprint, identity?.secondaryThumbprint],
  };
};

describe("containment", () => {
  it("closes DPS to the old leaf, puts the new one there, and leaves sentinels in the hub", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    expect(await bed.contain()).toBe(1);
    await expectContained(bed, device);
    const entry = bed.azure.dps.entry("pump-1");
    expect(entry).toMatchObject({ provisioningStatus: "enabled", secondary: undefined });
    expect(entry?.primary?.sha256Thumbprint).toBe(device.fresh.sha256Thumbprint);
    const { status, thumbprints } = twin(bed, device);
    expect(status).toBe("enabled");
    expect(new Set([...thumbprints, device.old.sha256Thumbprint, device.fresh.sha256Thumbprint]).size).toBe(4);
    expect(await bed.state(device)).toBe("await-self-heal");
  });

  it("writes to DPS before it writes to the hub", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    const writes: string[] = [];
    bed.azure.faults.observe(({ operation, write }) => {
      if (write) writes.push(operation);
    });
    await bed.contain();
    expect(writes).toEqual(["dps.enrollment.put", "hub.registry.bulk", "hub.registry.bulk"]);
  });

  it("keeps the identity disabled until sessions have dropped and registrations in flight have landed", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.steps.closeAtDps(bed.at);
    const { readyAt } = await bed.steps.holdAtHub(bed.at);
    expect(twin(bed, device).status).toBe("disabled");
    expect(readyAt - bed.clock.now()).toBe(500);
  });

  it("run a second time changes nothing at DPS or the hub", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    const before = [bed.azure.dps.entry("pump-1"), bed.azure.hub().identity(device.deviceId), await bed.row(device)];
    await bed.openFleet();
    expect(await bed.contain()).toBe(1);
    expect([bed.azure.dps.entry("pump-1"), bed.azure.hub().identity(device.deviceId), await bed.row(device)]).toEqual(
      before,
    );
  });

  it.each(["closeAtDps", "holdAtHub", "releaseHold", "confirmContained"] as const)(
    "ends right when %s runs twice at the same time",
    async (name) => {
      const bed = new Bed();
      const devices = [bed.device("pump-1"), bed.device("pump-2"), bed.device("pump-3")];
      await bed.open(...devices);
      const order = ["closeAtDps", "holdAtHub", "releaseHold", "confirmContained"] as const;
      for (const step of order) {
        const runs = Array.from({ length: step === name ? 2 : 1 }, () => bed.steps[step](bed.at));
        for (const run of await Promise.allSettled(runs))
          if (run.status === "rejected") expect(run.reason).toMatchObject({ retryable: true });
        bed.clock.pass(600);
      }
      await bed.contain();
      for (const device of devices) await expectContained(bed, device);
    },
  );

  it.each(["closeAtDps", "holdAtHub", "releaseHold", "confirmContained"] as const)(
    "ends right when %s is killed between its external write and its row write",
    async (name) => {
      const bed = new Bed();
      const device = bed.device("pump-1");
      await bed.open(device);
      const order = ["closeAtDps", "holdAtHub", "releaseHold", "confirmContained"] as const;
      for (const step of order) {
        if (step === name) {
          bed.batches.killSettles = 1;
          await expect(bed.steps[step](bed.at)).rejects.toThrow("killed");
          bed.clock.pass(61_000);
        }
        await bed.steps[step](bed.at);
        bed.clock.pass(600);
      }
      await bed.contain();
      await expectContained(bed, device);
      expect((await bed.row(device)).refusal).toBeUndefined();
      expect(twin(bed, device).status).toBe("enabled");
    },
  );

  it("takes the closing write's own time as the anchor, also when a killed run made that write", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    bed.batches.killSettles = 1;
    await expect(bed.steps.closeAtDps(bed.at)).rejects.toThrow("killed");
    const written = bed.azure.dps.entry("pump-1")?.lastUpdatedAt;
    bed.clock.pass(61_000);
    await bed.steps.closeAtDps(bed.at);
    expect((await bed.row(device)).entry.closedAt).toBe(written);
  });

  it("reads again and decides again when somebody else writes the entry first", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    bed.azure.faults.add({ operation: "dps.enrollment.put", effect: { kind: "status", status: 412 }, times: 2 });
    expect(await bed.contain()).toBe(1);
    await expectContained(bed, device);
  });

  it("reads again and decides again when somebody else writes the identity first", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    const hub = bed.azure.hub();
    let races = 2;
    bed.azure.faults.observe(({ operation }) => {
      // A registration that DPS had accepted lands between our read and our write.
      if (operation === "hub.twin.get" && races > 0) {
        races -= 1;
        hub.assign(device.deviceId, device.old.sha256Thumbprint);
      }
    });
    await bed.contain();
    await expectContained(bed, device);
  });

  it("keeps sentinels where a registration in flight wrote the old leaf back during the hold", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    const { accepted, finish } = bed.azure.startRegistration("pump-1", device.old.certificatePem);
    expect(accepted).toBe(true);
    await bed.steps.closeAtDps(bed.at);
    await bed.steps.holdAtHub(bed.at);
    finish();
    expect(twin(bed, device).thumbprints).toContain(device.old.sha256Thumbprint);
    bed.clock.pass(600);
    await bed.steps.releaseHold(bed.at);
    await bed.steps.confirmContained(bed.at);
    await expectContained(bed, device);
  });

  it("is not claimed while a registration from before the closing write is under way", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    const { finish } = bed.azure.startRegistration("pump-1", device.old.certificatePem);
    bed.clock.pass(10);
    expect(await bed.round()).toBe(false);
    expect((await bed.row(device)).containedAt).toBeUndefined();
    // It lands after the release, opens the hub for the old leaf, and is found by the next fresh read.
    finish();
    expect(bed.opens(device, device.old)).toBe(true);
    await bed.contain();
    await expectContained(bed, device);
  });

  it("lets a device through that registered with the new leaf during the hold", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.steps.closeAtDps(bed.at);
    await bed.steps.holdAtHub(bed.at);
    expect(bed.azure.register("pump-1", device.fresh.certificatePem)).toBe(true);
    bed.clock.pass(600);
    await bed.steps.releaseHold(bed.at);
    await bed.steps.confirmContained(bed.at);
    expect(bed.opens(device, device.fresh)).toBe(true);
    await expectContained(bed, device);
  });

  it("finds an identity that was absent and came to be while it looked away", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.hub().remove(device.deviceId);
    await bed.open(device);
    const { finish } = bed.azure.startRegistration("pump-1", device.old.certificatePem);
    await bed.steps.closeAtDps(bed.at);
    await bed.steps.holdAtHub(bed.at);
    expect((await bed.row(device)).hubs[bed.azure.hub().port.hostName]?.absent).toBe(true);
    finish();
    expect(bed.opens(device, device.old)).toBe(true);
    bed.clock.pass(600);
    await bed.steps.releaseHold(bed.at);
    await bed.contain();
    await expectContained(bed, device);
  });

  it("leaves an identity disabled that came to be disabled while it looked away", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const { deviceId } = device;
    bed.azure.hub().remove(deviceId);
    await bed.open(device);
    await bed.steps.closeAtDps(bed.at);
    await bed.steps.holdAtHub(bed.at);
    bed.azure.addIdentity({ deviceId, primaryThumbprint: device.old.sha256Thumbprint, status: "disabled" });
    bed.clock.pass(600);
    await bed.steps.releaseHold(bed.at);
    await bed.contain();
    expect(twin(bed, device).status).toBe("disabled");
    expect(twin(bed, device).thumbprints).not.toContain(device.old.sha256Thumbprint);
  });

  it("cuts the device in every linked hub", async () => {
    const bed = new Bed({ hubNames: ["lab-hub.azure-devices.net", otherHubName] });
    const device = bed.device("pump-1");
    bed.azure.register("pump-1", device.old.certificatePem, otherHubName);
    await bed.open(device);
    expect(bed.opens(device, device.old, otherHubName)).toBe(true);
    await bed.contain();
    expect(bed.opens(device, device.old, otherHubName)).toBe(false);
    await expectContained(bed, device);
  });

  it("of ninety devices in six linked hubs fits the journal", async () => {
    const hubNames = Array.from({ length: 6 }, (_, n) => HubHostName.parse(`hub-${n}.azure-devices.net`));
    const bed = new Bed({ hubNames });
    const devices = Array.from({ length: 90 }, (_, n) =>
      bed.device(`pump-${n}`, { target: { replacement: { kind: "none" } } }),
    );
    for (const { registrationId, old } of devices)
      for (const name of hubNames) bed.azure.register(registrationId, old.certificatePem, name);
    await bed.open(...devices);
    await bed.contain();
    for (const device of devices) for (const name of hubNames) expect(bed.opens(device, device.old, name)).toBe(false);
  });

  it("restores the status that an operator had given the identity", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.addIdentity({
      deviceId: device.deviceId,
      primaryThumbprint: device.old.sha256Thumbprint,
      status: "disabled",
    });
    await bed.open(device);
    await bed.contain();
    expect(twin(bed, device).status).toBe("disabled");
    await expectContained(bed, device);
  });

  it("leaves an IoT Edge device what it is", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.addIdentity({
      deviceId: device.deviceId,
      primaryThumbprint: device.old.sha256Thumbprint,
      iotEdge: true,
    });
    await bed.open(device);
    await bed.contain();
    expect(bed.azure.hub().identity(device.deviceId)).toMatchObject({ status: "enabled", iotEdge: true });
    await expectContained(bed, device);
  });

  it("uses the device id that the registration record names", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const deviceId = "Pump-One" as typeof device.deviceId;
    bed.azure.hub().remove(device.deviceId);
    bed.azure.addIdentity({ deviceId, primaryThumbprint: device.old.sha256Thumbprint });
    const assignedHub = bed.azure.hub().port.hostName;
    bed.azure.setRegistration({ registrationId: device.registrationId, deviceId, assignedHub, status: "assigned" });
    await bed.open(device);
    await bed.contain();
    expect(bed.opens({ ...device, deviceId }, device.old)).toBe(false);
    expect((await bed.row(device)).deviceId).toBe(deviceId);
  });
});
