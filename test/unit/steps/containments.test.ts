import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import { rollId } from "../../support/builders";
import { Bed, type BedDevice } from "./bed";

/** The device is heard, asked, answers, and is judged. */
async function prove(bed: Bed, device: BedDevice): Promise<DeviceRow> {
  await bed.steps.proveBatch(bed.at);
  await bed.report(device);
  await bed.steps.proveBatch(bed.at);
  return bed.row(device);
}

describe("containment `delete`", () => {
  it("takes the identity away; the one that DPS makes anew is the device's, once it proves itself", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const before = bed.azure.hub().identity(device.deviceId)!.generationId;
    await bed.openAs({ containment: "delete" }, device);
    await bed.contain();
    expect(bed.azure.hub().identity(device.deviceId)).toBeUndefined();
    expect((await bed.row(device)).containedAt).toBeDefined();
    bed.clock.pass(1_000);
    await bed.heal(device);
    expect(bed.azure.hub().identity(device.deviceId)!.generationId).not.toBe(before);
    expect((await prove(bed, device)).proof).toBeDefined();
    expect((await bed.journal()).filter((line) => line.includes(" delete "))).toHaveLength(2);
  });

  it("killed between the deletion and its row, it deletes nothing twice and still knows the generation", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.openAs({ containment: "delete" }, device);
    await bed.steps.closeAtDps(bed.at);
    bed.batches.killSettles = 1;
    await expect(bed.steps.holdAtHub(bed.at)).rejects.toThrow("killed");
    // Meanwhile the device has come back.
    await bed.heal(device);
    const made = bed.azure.hub().identity(device.deviceId)!.generationId;
    bed.clock.pass(61_000);
    await bed.contain();
    expect(bed.azure.hub().identity(device.deviceId)?.generationId).toBe(made);
    expect(bed.opens(device, device.fresh)).toBe(true);
  });

  it("deletes again what a late registration made anew with the old leaf", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.openAs({ containment: "delete" }, device);
    await bed.steps.closeAtDps(bed.at);
    await bed.steps.holdAtHub(bed.at);
    bed.azure.addIdentity({ deviceId: device.deviceId, primaryThumbprint: device.old.sha256Thumbprint });
    await bed.contain();
    expect(bed.azure.hub().identity(device.deviceId)).toBeUndefined();
  });
});

describe("containment `replace`", () => {
  it("lets the new leaf in at once; the proof waits until DPS has accepted it as well", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.openAs({ containment: "replace" }, device);
    await bed.contain();
    expect(bed.opens(device, device.fresh)).toBe(true);
    expect(bed.opens(device, device.old)).toBe(false);
    // It connects without DPS: by our own write.
    bed.clock.pass(1_000);
    bed.azure.hub().connect(device.deviceId, () => ({ status: 202, payload: {} }));
    await bed.heartbeat(device, device.fresh);
    const unproven = await prove(bed, device);
    expect(unproven.proof).toBeUndefined();
    expect(unproven.missing).toContain("written-by-dps");
    expect(bed.azure.hub().methodCalls.map(({ methodName }) => methodName)).toEqual(["reprovision"]);
    await bed.heal(device);
    await bed.steps.proveBatch(bed.at);
    expect((await bed.row(device)).proof).toBeDefined();
  });

  it("puts sentinels where no new leaf is known", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    await bed.openAs({ containment: "replace" }, device);
    await bed.contain();
    expect(bed.opens(device, device.old)).toBe(false);
    expect(bed.opens(device, device.fresh)).toBe(false);
  });
});

describe("containment `disable`", () => {
  const disable = (bed: Bed): Parameters<Bed["openAs"]>[0] => ({
    containment: "disable",
    timing: { ...bed.timing, parkMs: 5_000 },
  });

  it("keeps the identity disabled until DPS has written the new leaf, then enables it", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.openAs(disable(bed), device);
    await bed.contain();
    expect(bed.azure.hub().identity(device.deviceId)?.status).toBe("disabled");
    expect((await bed.row(device)).containedAt).toBeDefined();
    bed.clock.pass(1_000);
    await bed.steps.releaseHold(bed.at);
    expect(bed.azure.hub().identity(device.deviceId)?.status).toBe("disabled");
    bed.azure.register(device.registrationId, device.fresh.certificatePem);
    await bed.steps.releaseHold(bed.at);
    expect(bed.opens(device, device.fresh)).toBe(true);
    bed.clock.pass(1_000);
    await bed.heal(device);
    expect((await prove(bed, device)).proof).toBeDefined();
  });

  it("becomes `sentinel` when nobody has registered for too long", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.openAs(disable(bed), device);
    await bed.contain();
    bed.clock.pass(5_001);
    await bed.steps.releaseHold(bed.at);
    expect(bed.azure.hub().identity(device.deviceId)?.status).toBe("enabled");
    expect(bed.opens(device, device.old)).toBe(false);
    expect(bed.opens(device, device.fresh)).toBe(false);
  });

  it("does not enable what holds a leaf that is not allowed", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.openAs(disable(bed), device);
    await bed.contain();
    const identity = bed.azure.hub().identity(device.deviceId)!;
    bed.azure.addIdentity({
      deviceId: identity.deviceId,
      status: "disabled",
      primaryThumbprint: device.old.sha256Thumbprint,
    });
    await bed.steps.releaseHold(bed.at);
    expect(bed.opens(device, device.old)).toBe(false);
  });
});

describe("containment `reprovision`", () => {
  const reprovision = (bed: Bed): Parameters<Bed["openAs"]>[0] => ({
    containment: "reprovision",
    timing: { ...bed.timing, moveMs: 5_000 },
  });

  /** A round as the orchestrator runs it for such a roll. */
  async function round(bed: Bed): Promise<number> {
    const dps = await bed.steps.closeAtDps(bed.at);
    await bed.steps.tellToMove(bed.at);
    const hub = await bed.steps.holdAtHub(bed.at);
    bed.clock.pass(Math.max(0, hub.readyAt - bed.clock.now()));
    const release = await bed.steps.releaseHold(bed.at);
    const confirmation = await bed.steps.confirmContained(bed.at);
    return dps.open + hub.pending + release.pending + confirmation.exposed;
  }

  it("writes nothing to the hub: the device is told, changes over, and is contained by what DPS writes", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.hub().connect(device.deviceId, () => ({ status: 202, payload: {} }));
    await bed.openAs(reprovision(bed), device);
    expect(await round(bed)).toBeGreaterThan(0);
    expect(await round(bed)).toBeGreaterThan(0);
    expect(bed.azure.hub().methodCalls.map(({ methodName }) => methodName)).toEqual(["reprovision"]);
    await bed.heal(device);
    expect(await round(bed)).toBe(0);
    expect((await bed.row(device)).containedAt).toBeDefined();
    expect(bed.azure.faults.calls.get("hub.registry.bulk")).toBeUndefined();
    await bed.report(device);
    await bed.steps.proveBatch(bed.at);
    expect((await bed.row(device)).proof).toBeDefined();
  });

  it("cuts off whoever has not changed over in time", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.openAs(reprovision(bed), device);
    await round(bed);
    expect(bed.opens(device, device.old)).toBe(true);
    bed.clock.pass(5_001);
    expect(await round(bed)).toBe(0);
    expect(bed.opens(device, device.old)).toBe(false);
    expect((await bed.row(device)).containedAt).toBeDefined();
  });

  it("cuts off at once where there is nothing to change over to", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    await bed.openAs(reprovision(bed), device);
    expect(await round(bed)).toBe(0);
    expect(bed.opens(device, device.old)).toBe(false);
    expect(bed.azure.hub().methodCalls).toEqual([]);
  });
});

it("a device is looked for in batches that are still waited for", async () => {
  const bed = new Bed();
  const device = bed.device("pump-1");
  await bed.open(device);
  await bed.contain();
  expect(await bed.steps.listWaiting({ rollId, from: 0, limit: 10 })).toEqual({ batches: [0] });
  expect(await bed.steps.listWaiting({ rollId, from: 1, limit: 10 })).toEqual({ batches: [] });
});

describe("a container that holds the new leaves", () => {
  it("brings the leaf that DPS is given in the write that closes the entry, and the bytes are kept", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    bed.replacements.blobs.set(device.registrationId, device.fresh.chainPem);
    await bed.openAs({ replacement: "blob" }, device);
    await bed.contain();
    bed.replacements.blobs.set(device.registrationId, "somebody has changed it");
    await bed.steps.closeAtDps(bed.at);
    expect(await bed.row(device)).toMatchObject({ planned: { sha256Thumbprint: device.fresh.sha256Thumbprint } });
    await bed.heal(device);
    expect(bed.opens(device, device.fresh)).toBe(true);
    expect(bed.opens(device, device.old)).toBe(false);
    expect(await bed.replacements.kept(rollId, device.registrationId)).toBe(device.fresh.chainPem);
  });

  it("holds up nobody while it has no leaf; one that comes later is taken", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    await bed.openAs({ replacement: "blob" }, device);
    await bed.contain();
    expect(await bed.row(device)).toMatchObject({
      replacementPending: "replacement-missing",
      entry: { state: "closed" },
    });
    expect((await bed.row(device)).containedAt).toBeDefined();
    bed.replacements.blobs.set(device.registrationId, device.fresh.chainPem);
    await bed.steps.closeAtDps(bed.at);
    await bed.heal(device);
    expect(bed.opens(device, device.fresh)).toBe(true);
    expect((await bed.row(device)).replacementPending).toBeUndefined();
  });

  it("is not asked where the request brought the leaf itself", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.replacements.blobs.set(device.registrationId, "nothing readable");
    await bed.openAs({ replacement: "blob" }, device);
    await bed.contain();
    await bed.heal(device);
    expect(bed.opens(device, device.fresh)).toBe(true);
  });

  it("refuses what it cannot read, and the device stays contained", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    bed.replacements.blobs.set(device.registrationId, device.fresh.privateKeyPem);
    await bed.openAs({ replacement: "blob" }, device);
    await bed.contain();
    expect(await bed.row(device)).toMatchObject({ refusal: { code: "private-key-in-input" } });
    expect((await bed.row(device)).containedAt).toBeDefined();
  });
});
