import { createRoot } from "../../../lab/pki/certificates";
import { addMs } from "../../../shared/domain/instant";
import type { WavePolicy } from "../../../shared/domain/pacing/wave-policy";
import { otherRollId, rollId, t0 } from "../../support/builders";
import { ExpiryBed } from "./expiry-bed";

const MINUTE = 60_000;

describe("telling devices to change over", () => {
  it("sends what the device contract says, with the attempt on record", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device]);
    const { attempt } = await bed.row(device);
    expect(bed.lastOrder(device)).toMatchObject({
      rollId,
      attemptId: "a1",
      nonce: attempt?.nonce,
      reason: "individual-expiry: runs out",
      chainPem: device.fresh.chainPem,
    });
    expect(attempt?.acknowledgedAt).toBeDefined();
    expect(await bed.state(device)).toBe("dispatched");
    await bed.pass();
    expect(bed.told(device)).toHaveLength(1);
  });

  it("has the attempt on record before the command goes out", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    await bed.steps.stageBatch(bed.at);
    bed.batches.killSettles = 1;
    await expect(bed.steps.dispatchBatch(bed.at)).rejects.toThrow("killed");
    expect(bed.lastOrder(device).attemptId).toBe("a1");
    expect((await bed.row(device)).attempt).toMatchObject({ attemptId: "a1", nonce: bed.lastOrder(device).nonce });
    // The device acts on it, and that counts, once the lease of the run that was killed is over.
    await bed.obey(device);
    bed.clock.pass(MINUTE);
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("proven");
    expect(bed.told(device)).toHaveLength(1);
  });

  it.each(["acted", "did not act"] as const)("waits for a device whose answer was lost and that %s", async (what) => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    const effect = what === "acted" ? ({ kind: "reply-lost" } as const) : ({ kind: "status", status: 500 } as const);
    bed.azure.faults.add({ operation: "hub.method.invoke", effect, times: 1 });
    await bed.pass();
    expect(await bed.state(device)).toBe("dispatched");
    expect((await bed.row(device)).attempt?.acknowledgedAt).toBeUndefined();
    if (what === "acted") {
      await bed.obey(device);
    } else {
      bed.clock.pass(bed.timing.attemptMs);
      await bed.steps.proveChange(bed.at);
      expect(await bed.state(device)).toBe("unreachable");
      bed.clock.pass(5 * MINUTE);
      await bed.steps.dispatchBatch(bed.at);
      expect(bed.lastOrder(device).attemptId).toBe("a2");
      await bed.obey(device);
    }
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("proven");
  });

  it.each(["pause", "abort"] as const)("sends nothing after a %s", async (verb) => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    await bed.steps.stageBatch(bed.at);
    await bed.say(verb);
    expect(await bed.steps.dispatchBatch(bed.at)).toEqual({ sent: 0, held: true });
    await bed.say("resume");
    expect((await bed.steps.dispatchBatch(bed.at)).sent).toBe(verb === "pause" ? 1 : 0);
  });

  it("sends nothing outside the maintenance windows", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    // New Year's Day 2026 is a Thursday; the bed's clock begins at midnight.
    const windows = [{ cron: "0 1 * * *", timeZone: "UTC", durationMinutes: 60 }];
    await bed.open([device], { times: { windows, freezes: [] } });
    await bed.plan();
    bed.clock.pass(90 * MINUTE);
    await bed.steps.stageBatch(bed.at);
    bed.clock.pass(60 * MINUTE);
    expect(await bed.steps.dispatchBatch(bed.at)).toEqual({ sent: 0, held: true });
    bed.clock.pass(23 * 60 * MINUTE);
    expect((await bed.steps.dispatchBatch(bed.at)).sent).toBe(1);
  });

  it("run twice at once begins one attempt per device", async () => {
    const bed = new ExpiryBed();
    const devices = Array.from({ length: 5 }, (_, n) => bed.device(`pump-${n}`));
    await bed.open(devices);
    await bed.plan();
    await bed.steps.stageBatch(bed.at);
    await Promise.allSettled([bed.steps.dispatchBatch(bed.at), bed.steps.dispatchBatch(bed.at)]);
    for (const device of devices) expect(bed.told(device)).toHaveLength(1);
  });

  it("finds a device that DPS has moved to another hub", async () => {
    const bed = new ExpiryBed({ hubNames: ["west.azure-devices.net", "east.azure-devices.net"] });
    const device = bed.device("pump-1");
    bed.offline(device);
    await bed.dispatch([device]);
    expect(await bed.state(device)).toBe("unreachable");
    bed.azure.register("pump-1", device.old.certificatePem, "east.azure-devices.net");
    bed.azure.hub("east.azure-devices.net").connect(device.deviceId, () => ({ status: 202, payload: {} }));
    bed.clock.pass(5 * MINUTE);
    await bed.pass();
    expect(bed.azure.hub("east.azure-devices.net").methodCalls).toHaveLength(1);
    await bed.obey(device, { hub: "east.azure-devices.net" });
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("proven");
  });

  it("leaves a hub that asks for fewer calls alone for as long as it says", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    bed.azure.faults.add({
      operation: "hub.method.invoke",
      effect: { kind: "status", status: 429, retryAfterSeconds: 30 },
      times: 1,
    });
    await bed.dispatch([device]);
    await bed.pass();
    expect(bed.told(device)).toEqual([]);
    bed.clock.pass(30_000);
    await bed.pass();
    expect(bed.told(device)).toHaveLength(1);
  });
});

describe("attempts", () => {
  it("follow each other by the ladder while a device is away, and end there", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    bed.offline(device);
    await bed.dispatch([device]);
    expect(await bed.row(device)).toMatchObject({ attempts: 1, unreachable: {} });
    await bed.pass();
    expect((await bed.row(device)).attempts).toBe(1);
    bed.clock.pass(5 * MINUTE);
    await bed.pass();
    bed.clock.pass(60 * MINUTE);
    await bed.pass();
    bed.clock.pass(24 * 60 * MINUTE);
    await bed.pass();
    expect(await bed.row(device)).toMatchObject({ attempts: 3 });
    expect((await bed.row(device)).tryAgainAt).toBeUndefined();
    // Waited for all the same, and leased again as soon as it is heard.
    const [summary] = await bed.rolls.readSummaries(rollId);
    expect(summary).toMatchObject({ waiting: 1, counts: { unreachable: 1 } });
    expect(summary?.dueAt).toBeUndefined();
    bed.online(device);
    await bed.heartbeat(device, device.old);
    await bed.pass();
    await bed.obey(device);
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("proven");
  });

  it("are not begun at each heartbeat of a device that takes commands and keeps silent", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device]);
    bed.clock.pass(bed.timing.attemptMs);
    await bed.steps.proveChange(bed.at);
    await bed.heartbeat(device, device.old);
    await bed.pass();
    expect((await bed.row(device)).attempts).toBe(1);
  });

  it("are begun anew when a person asks, once per asking, for failed devices too", async () => {
    const bed = new ExpiryBed();
    const [away, refuses] = [bed.device("pump-1"), bed.device("pump-2")];
    bed.offline(away);
    bed.online(refuses, { status: 403, payload: {} });
    await bed.dispatch([away, refuses]);
    expect(await bed.row(refuses)).toMatchObject({ failed: { reason: "refused-by-device" } });
    await bed.say("retry");
    await bed.pass();
    await bed.pass();
    expect((await bed.row(away)).attempts).toBe(2);
    expect((await bed.row(refuses)).attempts).toBe(2);
  });

  it("that were answered late still count, until the next one begins", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device]);
    bed.clock.pass(bed.timing.attemptMs);
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("unreachable");
    await bed.obey(device);
    await bed.pass();
    expect(await bed.state(device)).toBe("proven");
    expect(bed.told(device)).toHaveLength(1);
  });
});

describe("a device is proven", () => {
  it("by its answer over the new leaf, DPS's record and the hub's word", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device]);
    await bed.obey(device);
    expect(await bed.steps.proveChange(bed.at)).toEqual({ proven: 1, inFlight: 0 });
    const { proof } = await bed.row(device);
    expect(proof).toMatchObject({ attemptId: "a1", rules: ["report", "leaf", "hub", "written-by-dps", "session"] });
    // Hearing the same report twice, or another one later, changes nothing.
    await bed.report(device);
    await bed.report(device);
    await bed.steps.proveChange(bed.at);
    expect((await bed.row(device)).proof).toEqual(proof);
  });

  it.each<[string, string, (bed: ExpiryBed, device: ReturnType<ExpiryBed["device"]>) => Promise<void>]>([
    ["says so without having registered", "hub written-by-dps session", (bed, device) => bed.report(device)],
    [
      "registered and then says so over a shared key",
      "report session",
      async (bed, device) => {
        bed.azure.register(device.registrationId, device.fresh.certificatePem);
        await bed.report(device, { authentication: "sas" });
      },
    ],
    [
      "says so with a leaf of its own making",
      "leaf hub written-by-dps session",
      (bed, device) => bed.report(device, { leaf: bed.leaf("pump-1", 50) }),
    ],
  ])("not if it %s", async (_what, missing, act) => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device]);
    await act(bed, device);
    expect(await bed.steps.proveChange(bed.at)).toEqual({ proven: 0, inFlight: 1 });
    expect((await bed.row(device)).missing).toBe(missing);
    expect(await bed.state(device)).toBe("reported");
    bed.clock.pass(bed.timing.attemptMs);
    await bed.steps.proveChange(bed.at);
    expect(await bed.row(device)).toMatchObject({ failed: { reason: "proof-incomplete" } });
  });

  it("not by a registration from before the new leaf was staged", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    await bed.steps.stageBatch(bed.at);
    // The hub has it by other means, and DPS has not registered the device since.
    bed.azure.addIdentity({
      deviceId: device.deviceId,
      primaryThumbprint: device.fresh.sha256Thumbprint,
      secondaryThumbprint: device.fresh.sha256Thumbprint,
    });
    bed.clock.pass(10);
    await bed.steps.dispatchBatch(bed.at);
    await bed.report(device);
    await bed.steps.proveChange(bed.at);
    expect((await bed.row(device)).missing).toBe("written-by-dps session");
  });

  it("not by the answer to an earlier attempt", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device]);
    const first = bed.lastOrder(device);
    bed.clock.pass(bed.timing.attemptMs);
    await bed.steps.proveChange(bed.at);
    bed.clock.pass(5 * MINUTE);
    await bed.steps.dispatchBatch(bed.at);
    await bed.obey(device, { order: first });
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("dispatched");
    await bed.report(device);
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("proven");
  });

  it("once DPS or a hub that was away can be asked", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device]);
    await bed.obey(device);
    bed.azure.faults.add({ operation: "hub.twin.get", effect: { kind: "status", status: 503 }, times: 1 });
    bed.azure.faults.add({ operation: "dps.registration.get", effect: { kind: "status", status: 503 }, times: 1 });
    expect((await bed.steps.proveChange(bed.at)).proven).toBe(0);
    expect((await bed.steps.proveChange(bed.at)).proven).toBe(0);
    expect((await bed.steps.proveChange(bed.at)).proven).toBe(1);
  });
});

describe("a device that does not change over", () => {
  it("is regressed if it answers over its old leaf, and is tried again", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device]);
    await bed.obey(device, { leaf: device.old });
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("regressed");
    bed.clock.pass(5 * MINUTE);
    await bed.pass();
    await bed.obey(device);
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("proven");
  });

  it("has failed if it says so, with its own words where they are harmless", async () => {
    const bed = new ExpiryBed();
    const [one, two] = [bed.device("pump-1"), bed.device("pump-2")];
    await bed.dispatch([one, two]);
    await bed.report(one, { leaf: one.old, phase: "failed", error: "certificate-not-yet-valid" });
    await bed.report(two, { leaf: two.old, phase: "failed", error: two.fresh.privateKeyPem });
    await bed.steps.proveChange(bed.at);
    expect((await bed.row(one)).failed).toEqual({
      reason: "device-failed",
      detail: "the device says: certificate-not-yet-valid",
    });
    expect(JSON.stringify(await bed.row(two))).not.toContain(two.fresh.privateKeyPem.slice(30, 90));
  });
});

describe("retiring", () => {
  async function proven(bed: ExpiryBed, id = "pump-1"): Promise<ReturnType<ExpiryBed["device"]>> {
    const device = bed.device(id);
    await bed.dispatch([device]);
    await bed.obey(device);
    await bed.steps.proveChange(bed.at);
    return device;
  }

  it("tells the device to drop its old key, then clears the old slot", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    expect(await bed.steps.retireBatch(bed.at)).toEqual({ retired: 1, kept: 0, open: 0, regressed: 0 });
    expect(bed.slots(device)).toEqual([undefined, device.fresh.sha256Thumbprint]);
    expect(bed.told(device, "commit")[0]?.payload).toEqual({ rollId });
    expect(await bed.state(device)).toBe("retired");
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(false);
    expect(bed.azure.register("pump-1", device.fresh.certificatePem)).toBe(true);
    expect((await bed.steps.closeRoll({ rollId })).outcome).toBe("completed");
  });

  it("swaps the slots with the next roll", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    await bed.steps.retireBatch(bed.at);
    const next = new ExpiryBed();
    const again = next.device("pump-1", { old: device.fresh, fresh: next.leaf("pump-1", 180), oldSlot: "secondary" });
    await next.dispatch([again]);
    expect(next.slots(again)).toEqual([again.fresh.sha256Thumbprint, device.fresh.sha256Thumbprint]);
    await next.obey(again);
    await next.steps.proveChange(next.at);
    await next.steps.retireBatch(next.at);
    expect(next.slots(again)).toEqual([again.fresh.sha256Thumbprint, undefined]);
  });

  it("leaves a device alone that went back to its old leaf", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    bed.azure.register("pump-1", device.old.certificatePem);
    expect(await bed.steps.retireBatch(bed.at)).toEqual({ retired: 0, kept: 1, open: 0, regressed: 1 });
    expect(await bed.state(device)).toBe("regressed");
    expect(bed.slots(device)[0]).toBe(device.old.sha256Thumbprint);
    expect(bed.told(device, "commit")).toEqual([]);
    expect((await bed.steps.closeRoll({ rollId })).outcome).toBe("partial");
  });

  it("keeps a leaf that still opens an identity at another hub", async () => {
    const bed = new ExpiryBed({ hubNames: ["west.azure-devices.net", "east.azure-devices.net"] });
    const device = await proven(bed);
    bed.azure
      .hub("east.azure-devices.net")
      .add({ deviceId: device.deviceId, primaryThumbprint: device.old.sha256Thumbprint });
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, kept: 1 });
    expect((await bed.row(device)).kept).toBe("old-leaf-in-use");
  });

  it("keeps the old leaf where the identity is on neither of the two by now", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    const stranger = bed.leaf("pump-1", 60).sha256Thumbprint;
    bed.azure.hub().add({ deviceId: device.deviceId, primaryThumbprint: stranger });
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, kept: 1 });
    expect((await bed.row(device)).kept).toBe("identity-changed");
    expect(bed.slots(device)[0]).toBe(device.old.sha256Thumbprint);
  });

  it("touches nobody who is not proven", async () => {
    const bed = new ExpiryBed();
    const [device, away] = [bed.device("pump-1"), bed.device("pump-2")];
    bed.offline(away);
    await bed.dispatch([device, away]);
    await bed.obey(device);
    await bed.steps.proveChange(bed.at);
    expect(await bed.steps.retireBatch(bed.at)).toEqual({ retired: 1, kept: 1, open: 0, regressed: 0 });
    expect(bed.slots(away)).toEqual([away.old.sha256Thumbprint, away.fresh.sha256Thumbprint]);
  });

  it("counts nobody who was retired and is another roll's by now", async () => {
    const bed = new ExpiryBed();
    const [device, away] = [bed.device("pump-1"), bed.device("pump-2")];
    bed.offline(away);
    await bed.dispatch([device, away]);
    await bed.obey(device);
    await bed.steps.proveChange(bed.at);
    await bed.steps.retireBatch(bed.at);
    for (const { registrationId: id } of [device, away])
      await bed.targetClaims.claim({ rollId: otherRollId, priority: 1, batch: 0 }, "device", [{ id }]);
    // The one that did not answer is tried again: that is when the roll finds out.
    bed.clock.pass(6 * 60_000);
    await bed.pass();
    expect(await bed.state(device)).toBe("superseded");
    expect(await bed.steps.retireBatch(bed.at)).toEqual({ retired: 0, kept: 0, open: 0, regressed: 0 });
  });

  it("clears the slot without the device's word after three unanswered commits, and says so", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    bed.offline(device);
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, open: 1 });
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, open: 1 });
    expect(bed.slots(device)[0]).toBe(device.old.sha256Thumbprint);
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 1, open: 0 });
    expect((await bed.row(device)).warnings).toEqual(["commit-unanswered"]);
  });

  it("keeps the old leaf of a device that refuses to drop its key", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    bed.online(device, { status: 409, payload: {} });
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, kept: 1 });
    expect((await bed.row(device)).kept).toBe("commit-refused");
    expect(bed.slots(device)[0]).toBe(device.old.sha256Thumbprint);
  });

  it.each(["412", "lost answer", "killed in between", "done by nobody"] as const)("survives a %s", async (what) => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    const fault = { operation: "dps.enrollment.put", times: 1 };
    if (what === "412") bed.azure.faults.add({ ...fault, effect: { kind: "status", status: 412 } });
    if (what === "lost answer") bed.azure.faults.add({ ...fault, effect: { kind: "reply-lost" } });
    if (what === "done by nobody") bed.azure.faults.add({ ...fault, effect: { kind: "acknowledged-not-done" } });
    if (what === "killed in between") {
      bed.batches.killSettles = 1;
      await expect(bed.steps.retireBatch(bed.at)).rejects.toThrow("killed");
    }
    await bed.steps.retireBatch(bed.at);
    expect(await bed.state(device)).toBe("retired");
    expect(bed.slots(device)).toEqual([undefined, device.fresh.sha256Thumbprint]);
    expect(bed.told(device, "commit").length).toBeLessThanOrEqual(2);
  });

  it("clears no slot that somebody has changed", async () => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    const foreign = bed.leaf("pump-1", 70);
    bed.azure.dps.add({
      registrationId: "pump-1",
      primaryPem: foreign.certificatePem,
      secondaryPem: device.fresh.certificatePem,
    });
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, kept: 1 });
    expect(await bed.row(device)).toMatchObject({ kept: "entry-changed" });
  });

  it("waits for the old leaf's end where the request says so; the roll is completed without it", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.dispatch([device], { retire: { when: "old-expired" } });
    await bed.obey(device);
    await bed.steps.proveChange(bed.at);
    expect(await bed.steps.retireBatch(bed.at)).toEqual({ retired: 0, kept: 1, open: 0, regressed: 0 });
    expect((await bed.steps.closeRoll({ rollId })).outcome).toBe("completed");
    const [noted] = await bed.due.list({ limit: 10 });
    expect(noted).toMatchObject({ kind: "retire", dueAt: t0 + 10 * 24 * 60 * MINUTE, rollId });
    bed.clock.pass(10 * 24 * 60 * MINUTE);
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 1 });
    expect(bed.slots(device)).toEqual([undefined, device.fresh.sha256Thumbprint]);
    await bed.steps.settleDue({ rollId, key: noted!.key });
    expect(await bed.due.list({ limit: 10 })).toEqual([]);
  });

  it.each(["pause", "abort"] as const)("stops after a %s", async (verb) => {
    const bed = new ExpiryBed();
    const device = await proven(bed);
    await bed.say(verb);
    expect(await bed.steps.retireBatch(bed.at)).toMatchObject({ retired: 0, open: 1 });
    expect(bed.slots(device)[0]).toBe(device.old.sha256Thumbprint);
    expect(bed.told(device, "commit")).toEqual([]);
  });
});

describe("devices of a group, which bring their own leaves", () => {
  const group = { playbook: "group-expiry", group: { groupId: "pumps", authority: "leaf" } } as const;

  it("are told without anything being staged, and proven by a leaf that they did not have before", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    // DPS lets the group's leaves in by their chain.
    const target = { ...device.target, deviceId: device.deviceId };
    await bed.open([{ ...device, target }], group);
    expect(await bed.steps.readCourse({ rollId })).toMatchObject({ stage: false, csr: false, retire: "all-proven" });
    await bed.steps.dispatchBatch(bed.at);
    expect(bed.lastOrder(device).chainPem).toBeUndefined();
    expect((await bed.row(device)).before).toEqual([device.old.sha256Thumbprint]);
    bed.azure.dps.add({
      registrationId: "pump-1",
      primaryPem: device.fresh.certificatePem,
      secondaryPem: device.old.certificatePem,
    });
    await bed.obey(device);
    await bed.steps.proveChange(bed.at);
    expect(await bed.row(device)).toMatchObject({ planned: { sha256Thumbprint: device.fresh.sha256Thumbprint } });
    expect(await bed.state(device)).toBe("proven");
    expect((await bed.steps.closeRoll({ rollId })).outcome).toBe("completed");
  });

  it("are told by one job where the request wishes it, all in the same attempt", async () => {
    const bed = new ExpiryBed();
    const devices = Array.from({ length: 3 }, (_, n) => bed.device(`pump-${n}`, { replacement: { kind: "none" } }));
    const targets = devices.map((one) => ({ ...one, target: { ...one.target, deviceId: one.deviceId } }));
    await bed.open(targets, { ...group, dispatch: "job" });
    bed.azure.faults.add({ operation: "hub.job.create", effect: { kind: "reply-lost" }, times: 1 });
    expect((await bed.steps.dispatchBatch(bed.at)).sent).toBe(3);
    const orders = devices.map((one) => bed.lastOrder(one));
    expect(new Set(orders.map(({ attemptId, nonce }) => `${attemptId} ${nonce}`)).size).toBe(1);
    expect(bed.azure.faults.calls.get("hub.method.invoke")).toBeUndefined();
    const [one] = devices;
    bed.azure.dps.add({ registrationId: "pump-0", primaryPem: one!.fresh.certificatePem });
    await bed.obey(one!);
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(one!)).toBe("proven");
    expect(await bed.state(devices[1]!)).toBe("dispatched");
  });

  it("wait for a hub that runs as many jobs as it may", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    await bed.open([{ ...device, target: { ...device.target, deviceId: device.deviceId } }], {
      ...group,
      dispatch: "job",
    });
    const { jobs } = bed.azure.hub();
    jobs.busy = true;
    await bed.steps.dispatchBatch(bed.at);
    expect(await bed.state(device)).toBe("unreachable");
    jobs.busy = false;
    await bed.steps.dispatchBatch(bed.at);
    expect(bed.told(device)).toEqual([]);
    bed.clock.pass(30_000);
    await bed.steps.dispatchBatch(bed.at);
    expect(bed.lastOrder(device).attemptId).toBe("a2");
  });

  it("are not proven by the leaf that they had", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    await bed.open([{ ...device, target: { ...device.target, deviceId: device.deviceId } }], group);
    await bed.steps.dispatchBatch(bed.at);
    await bed.obey(device, { leaf: device.old });
    await bed.steps.proveChange(bed.at);
    expect(await bed.state(device)).toBe("regressed");
  });
});

describe("waves", () => {
  const waves: WavePolicy = {
    kind: "canary",
    canary: { count: 1 },
    percents: [],
    rules: { errorThreshold: 0.2, gate: "approval", minCount: 2 },
    canaryRules: { gate: "auto", minCount: 1 },
  };

  it("are cut by the request's policy, each with its gate and its batches", async () => {
    const bed = new ExpiryBed();
    await bed.open(
      Array.from({ length: 4 }, (_, n) => bed.device(`pump-${n}`)),
      { waves },
    );
    expect(await bed.steps.readCourse({ rollId })).toMatchObject({ batches: 2, waves: 2 });
    expect(await bed.steps.readWave({ rollId, wave: 0 })).toEqual({ firstBatch: 0, batches: 1, gate: "auto" });
    expect(await bed.steps.readWave({ rollId, wave: 1 })).toEqual({ firstBatch: 1, batches: 1, gate: "approval" });
  });

  it("that do not fit the fleet are refused, and nothing is opened", async () => {
    const bed = new ExpiryBed();
    await bed.open([bed.device("pump-1")], { waves: { kind: "canary", canary: { tag: "ring-0" }, percents: [] } });
    expect(await bed.rolls.get(rollId)).toMatchObject({ batches: 0, refusal: { code: "canary-empty" } });
    expect(await bed.steps.closeRoll({ rollId, outcome: "refused" })).toEqual({ outcome: "refused", proven: 0 });
    expect(await bed.steps.releaseClaims({ rollId, from: 0 })).toEqual({});
  });

  it("list what is due: work to do now, attempts whose time has come, and with `all` whoever is waited for", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    bed.offline(device);
    await bed.open([device]);
    await bed.plan();
    const due = async (all: boolean): Promise<readonly number[]> =>
      (await bed.steps.dueBatches({ rollId, from: 0, to: 9, all })).batches;
    expect(await due(false)).toEqual([0]);
    await bed.pass();
    expect(await due(false)).toEqual([]);
    expect(await due(true)).toEqual([0]);
    bed.clock.pass(5 * MINUTE);
    expect(await due(false)).toEqual([0]);
    await bed.say("pause");
    expect(await due(true)).toEqual([]);
    // Who was told before the pause may answer all the same.
    await bed.say("resume");
    bed.online(device);
    await bed.pass();
    await bed.say("pause");
    expect(await due(false)).toEqual([0]);
    await bed.obey(device);
    await bed.pass();
    expect(await bed.state(device)).toBe("proven");
  });

  it("are weighed by their rules; a person's resume forgives what was seen", async () => {
    const bed = new ExpiryBed();
    const devices = Array.from({ length: 4 }, (_, n) => bed.device(`pump-${n}`));
    const [first, second, third, fourth] = devices;
    await bed.open(devices, { waves: { kind: "all", rules: { errorThreshold: 0.2, minCount: 2 } } });
    await bed.plan();
    bed.online(first!, { status: 403, payload: {} });
    await bed.pass();
    const weigh = (forgiven: number): ReturnType<typeof bed.steps.weigh> =>
      bed.steps.weigh({ rollId, wave: 0, startedAt: t0, forgiven });
    expect(await weigh(0)).toMatchObject({ verdict: "wait", failed: 1, waiting: 4, dueAt: 0 });
    await bed.obey(second!);
    await bed.obey(third!);
    await bed.steps.proveChange(bed.at);
    expect(await weigh(0)).toMatchObject({ verdict: "brake", reason: "too-many-errors", failed: 1 });
    await bed.steps.brakeRoll({ rollId, wave: 0, startedAt: t0, reason: "too-many-errors" });
    expect((await bed.control.get(rollId))?.desired).toBe("paused");
    await bed.say("resume");
    // The brake of the same moment does not pull a second time.
    await bed.steps.brakeRoll({ rollId, wave: 0, startedAt: t0, reason: "too-many-errors" });
    expect((await bed.control.get(rollId))?.desired).toBe("running");
    expect(await weigh(1)).toMatchObject({ verdict: "wait" });
    await bed.obey(fourth!);
    await bed.steps.proveChange(bed.at);
    expect(await weigh(1)).toMatchObject({ verdict: "go-on" });
  });

  it("are not held up by devices that were left out when the roll was planned", async () => {
    const bed = new ExpiryBed();
    const devices = [bed.device("pump-1", { replacement: { kind: "none" } }), bed.device("pump-2")];
    await bed.dispatch(devices);
    await bed.obey(devices[1]!);
    await bed.steps.proveChange(bed.at);
    expect(await bed.steps.weigh({ rollId, wave: 0, startedAt: t0, forgiven: 0 })).toMatchObject({ verdict: "go-on" });
    expect(await bed.steps.weigh({ rollId, startedAt: t0, forgiven: 0 })).toMatchObject({
      verdict: "go-on",
      waiting: 0,
    });
  });
});

it("a replacement that a CA unknown to DPS has issued is refused", async () => {
  const bed = new ExpiryBed();
  const validity = { notBefore: new Date(t0 - 86_400_000), notAfter: new Date(t0 + 400 * 86_400_000) };
  const stranger = createRoot({ commonName: "Somebody", ...validity });
  const device = bed.device("pump-1", { fresh: bed.leaf("pump-1", 90, { issuer: stranger }) });
  await bed.dispatch([device]);
  expect((await bed.row(device)).refusal?.code).toBe("chain-not-anchored");
});

describe("the deadline", () => {
  it.each([
    ["a day before the first old leaf runs out", 10, 9],
    ["the request's own, where that is earlier", 90, 14],
    ["the request's own, where less than a day is left", 0.5, 14],
  ])("is %s", async (_what, days, expected) => {
    const bed = new ExpiryBed();
    const devices = [
      bed.device("pump-1", { old: bed.leaf("pump-1", days) }),
      bed.device("pump-2", { old: bed.leaf("pump-2", 95), fresh: bed.leaf("pump-2", 99) }),
    ];
    await bed.open(devices, { timing: { ...bed.timing, deadline: addMs(t0, 14 * 86_400_000) } });
    await bed.plan();
    const { pace } = await bed.steps.enterPhase({ rollId, phase: "rolling" });
    expect(pace.deadline).toBe(t0 + expected * 86_400_000);
    expect((await bed.steps.readCourse({ rollId })).pace.deadline).toBe(pace.deadline);
  });
});
