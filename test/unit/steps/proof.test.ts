import { rollId } from "../../support/builders";
import { Bed, type BedDevice } from "./bed";

async function contained(...ids: readonly string[]): Promise<{ bed: Bed; devices: BedDevice[]; device: BedDevice }> {
  const bed = new Bed();
  const devices = ids.map((id) => bed.device(id));
  await bed.open(...devices);
  await bed.contain();
  bed.clock.pass(1_000);
  return { bed, devices, device: devices[0]! };
}

const look = (bed: Bed): ReturnType<Bed["steps"]["proveBatch"]> => bed.steps.proveBatch(bed.at);

describe("a device that comes back", () => {
  it("is asked to report, reports, and is proven", async () => {
    const { bed, device } = await contained("pump-1");
    expect(await look(bed)).toEqual({ open: 1, proven: 0, broken: 0 });
    expect(bed.asked(device)).toBe(0);
    await bed.heal(device);
    expect(await look(bed)).toEqual({ open: 1, proven: 0, broken: 0 });
    expect(await bed.state(device)).toBe("dispatched");
    await bed.report(device);
    expect(await look(bed)).toEqual({ open: 0, proven: 1, broken: 0 });
    expect(await bed.state(device)).toBe("proven");
    expect(bed.asked(device)).toBe(1);
    expect((await bed.row(device)).proof).toMatchObject({ attemptId: "a1", provenAt: bed.clock.now() });
  });

  it("is sent roll, attempt and nonce, and nothing secret", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    await look(bed);
    const [call] = bed.azure.hub().methodCalls;
    const nonce = (await bed.row(device)).attempt?.nonce;
    expect(call).toEqual({
      deviceId: device.deviceId,
      methodName: "report",
      payload: { rollId, attemptId: "a1", nonce },
    });
  });

  it("is not asked while it has not registered again, and not if it says that it uses the old leaf", async () => {
    const { bed, device } = await contained("pump-1");
    bed.azure.register("pump-1", device.fresh.certificatePem);
    bed.azure.hub().connect(device.deviceId, () => ({ status: 202, payload: {} }));
    await bed.heartbeat(device, device.old);
    await look(bed);
    expect(bed.asked(device)).toBe(0);
    await bed.heartbeat(device, device.fresh);
    await look(bed);
    expect(bed.asked(device)).toBe(1);
  });

  it("is not asked on account of what it said before it was cut", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.heartbeat(device, device.fresh);
    await bed.open(device);
    await bed.contain();
    bed.azure.register("pump-1", device.fresh.certificatePem);
    await look(bed);
    expect(bed.asked(device)).toBe(0);
  });

  it("is not asked while the roll is paused, and its answer counts all the same", async () => {
    const { bed, devices, device } = await contained("pump-1", "pump-2");
    await bed.heal(device);
    await look(bed);
    await bed.order("pause");
    for (const each of devices) await bed.heal(each);
    await look(bed);
    expect(devices.map((each) => bed.asked(each))).toEqual([1, 0]);
    await bed.report(device);
    expect(await look(bed)).toMatchObject({ proven: 1, open: 1 });
    await bed.order("resume");
    await look(bed);
    expect(devices.map((each) => bed.asked(each))).toEqual([1, 1]);
  });

  it("is asked again at once, and once, when a person wants another try", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    await look(bed);
    await look(bed);
    expect(bed.asked(device)).toBe(1);
    await bed.order("retry");
    await look(bed);
    await look(bed);
    expect(bed.asked(device)).toBe(2);
  });

  it("is left as it is by an abort: contained, and the roll says so", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.order("abort");
    await bed.heal(device);
    await look(bed);
    expect(bed.asked(device)).toBe(0);
    expect(await bed.steps.closeRoll({ rollId })).toEqual({ outcome: "aborted", proven: 0 });
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(false);
  });

  it("on its healthy standby leaf is proven as well", async () => {
    const bed = new Bed();
    const standby = bed.leaf("pump-1");
    const device = bed.device("pump-1", { standby, target: { replacement: { kind: "none" } } });
    await bed.open(device);
    await bed.contain();
    await bed.heal(device, { leaf: standby });
    await look(bed);
    await bed.report(device, { leaf: standby });
    expect(await look(bed)).toEqual({ open: 0, proven: 1, broken: 0 });
  });
});

describe("a report is asked for once per attempt", () => {
  it("however often one looks", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    for (let n = 0; n < 5; n += 1) {
      await look(bed);
      bed.clock.pass(1_000);
      await bed.heartbeat(device, device.fresh);
    }
    expect(bed.asked(device)).toBe(1);
  });

  it("also when two runs look at the same time", async () => {
    const { bed, devices } = await contained("pump-1", "pump-2", "pump-3");
    for (const device of devices) await bed.heal(device);
    const runs = await Promise.allSettled([look(bed), look(bed)]);
    for (const run of runs) if (run.status === "rejected") expect(run.reason).toMatchObject({ retryable: true });
    await look(bed);
    expect(devices.map((device) => bed.asked(device))).toEqual([1, 1, 1]);
    for (const device of devices) await bed.report(device);
    expect((await look(bed)).proven).toBe(3);
  });

  it("also when the run that asked was killed before it could say so", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    bed.batches.killSettles = 1;
    await expect(look(bed)).rejects.toThrow("killed");
    expect(bed.asked(device)).toBe(1);
    await look(bed);
    expect(bed.asked(device)).toBe(1);
    await bed.report(device);
    expect((await look(bed)).proven).toBe(1);
  });

  it("and never after its answer was recorded, whatever the judgement waits for", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    await look(bed);
    await bed.report(device);
    const wellAgain = bed.azure.faults.add({ operation: "hub.twin.get", effect: { kind: "status", status: 503 } });
    for (let n = 0; n < 3; n += 1) {
      bed.clock.pass(bed.timing.attemptMs + 1);
      await bed.heartbeat(device, device.fresh);
      expect((await look(bed)).proven).toBe(0);
    }
    expect(bed.asked(device)).toBe(1);
    wellAgain();
    expect((await look(bed)).proven).toBe(1);
  });

  it("and the answer to the second attempt is judged by itself, not by what the first one missed", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    await look(bed);
    await bed.report(device, { authentication: "sas" });
    await look(bed);
    expect((await bed.row(device)).missing).toContain("report");
    bed.clock.pass(bed.timing.attemptMs + 1);
    await bed.heartbeat(device, device.fresh);
    await look(bed);
    expect(bed.asked(device)).toBe(2);
    await bed.report(device);
    const wellAgain = bed.azure.faults.add({ operation: "hub.twin.get", effect: { kind: "status", status: 503 } });
    bed.clock.pass(bed.timing.attemptMs + 1);
    await bed.heartbeat(device, device.fresh);
    await look(bed);
    expect(bed.asked(device)).toBe(2);
    wellAgain();
    expect((await look(bed)).proven).toBe(1);
  });

  it("and again when the attempt is over, but only if the device was heard since", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    bed.azure.hub().connect(device.deviceId, undefined);
    await look(bed);
    expect(await bed.row(device)).toMatchObject({ attempts: 1 });
    expect((await bed.row(device)).attempt?.acknowledgedAt).toBeUndefined();
    bed.clock.pass(bed.timing.attemptMs + 1);
    await look(bed);
    expect((await bed.row(device)).attempts).toBe(1);
    bed.azure.hub().connect(device.deviceId, () => ({ status: 202, payload: {} }));
    await bed.heartbeat(device, device.fresh);
    await look(bed);
    expect((await bed.row(device)).attempt).toMatchObject({ attemptId: "a2" });
    await bed.report(device);
    expect((await look(bed)).proven).toBe(1);
  });
});

describe("a forged report", () => {
  it("that names the new leaf without its key proves nobody and displaces nobody's report", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    await look(bed);
    await bed.report(device, { signer: device.old });
    expect((await look(bed)).proven).toBe(0);
    await bed.report(device);
    await bed.report(device, { signer: device.old });
    expect((await look(bed)).proven).toBe(1);
  });

  it("by the old key over the old leaf proves nobody", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    await look(bed);
    await bed.report(device, { leaf: device.old });
    expect((await look(bed)).proven).toBe(0);
    expect((await bed.row(device)).missing).toContain("leaf");
  });

  it("by another device's key over that device's leaf proves nobody", async () => {
    const { bed, devices } = await contained("pump-1", "pump-2");
    const [one, two] = [devices[0]!, devices[1]!];
    await bed.heal(one);
    await bed.heal(two);
    await look(bed);
    await bed.report(one, { leaf: two.fresh });
    expect((await look(bed)).proven).toBe(0);
  });

  it("over a session that survived, before any new registration, breaks the containment", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heartbeat(device, device.fresh);
    expect(await look(bed)).toMatchObject({ proven: 0, broken: 1 });
    expect((await bed.row(device)).containedAt).toBeUndefined();
    expect(bed.asked(device)).toBe(0);
    await bed.contain();
    expect(await bed.state(device)).toBe("await-self-heal");
  });

  it("over a surviving session of a device that never registered breaks the containment too", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { registered: false });
    await bed.open(device);
    await bed.contain();
    bed.clock.pass(1_000);
    await bed.heartbeat(device, device.old);
    expect(await look(bed)).toMatchObject({ broken: 1 });
  });
});

describe("while a service does not answer", () => {
  it.each(["dps.registration.get", "hub.twin.get", "hub.method.invoke"])(
    "(%s) nothing is proven, nothing is lost",
    async (operation) => {
      const { bed, device } = await contained("pump-1");
      await bed.heal(device);
      const wellAgain = bed.azure.faults.add({ operation, effect: { kind: "status", status: 503 } });
      expect(await look(bed)).toMatchObject({ proven: 0, broken: 0 });
      wellAgain();
      bed.clock.pass(bed.timing.attemptMs + 1);
      await bed.heartbeat(device, device.fresh);
      await look(bed);
      await bed.report(device);
      expect((await look(bed)).proven).toBe(1);
    },
  );

  it("the fresh read decides: a hub that shows the old leaf again keeps the device from being proven", async () => {
    const { bed, device } = await contained("pump-1");
    await bed.heal(device);
    await look(bed);
    await bed.report(device);
    bed.azure.addIdentity({
      deviceId: device.deviceId,
      primaryThumbprint: device.fresh.sha256Thumbprint,
      secondaryThumbprint: device.old.sha256Thumbprint,
    });
    expect((await look(bed)).proven).toBe(0);
    expect((await bed.row(device)).missing).toContain("hub");
  });
});
