import type { RollId } from "../../../shared/domain/ids";
import { deviceState } from "../../../shared/domain/roll/device-state";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import type { RollTarget } from "../../../shared/domain/roll/request";
import { otherRollId, rollId } from "../../support/builders";
import { Bed, type BedDevice } from "./bed";

/** A breach roll of its own beside the bed's. */
async function open(bed: Bed, id: RollId, device: BedDevice, target: Partial<RollTarget> = {}): Promise<void> {
  bed.clock.pass(10);
  const about = { playbook: "individual-breach", source: "soc", alertId: id, reason: "leak" } as const;
  const requestedAt = bed.clock.now();
  const targets = [{ ...device.target, ...target }];
  await bed.blobs.putRequest(id, { ...about, requestedAt, targets, timing: bed.timing });
  await bed.rolls.open(id, requestedAt);
  await bed.rolls.create({ rollId: id, ...about, phase: "requested", requestedAt, devices: 1, batches: 1 });
  await bed.steps.gatherTargets({ rollId: id, part: 0 });
  await bed.steps.cutTargets({ rollId: id, parts: 1 });
  await bed.steps.openBatches({ rollId: id, from: 0, batches: 1 });
}

const STEPS = ["closeAtDps", "holdAtHub", "releaseHold", "confirmContained"] as const;

/** One round of containment; a step that lost devices midway runs again, as the orchestrator has it. */
async function round(bed: Bed, id: RollId): Promise<void> {
  for (const name of STEPS) {
    const run = (): Promise<object> => bed.steps[name]({ rollId: id, batch: 0 });
    const answer = await run().catch((error: unknown) => {
      expect(error).toMatchObject({ code: "superseded-midway", retryable: true });
      return run();
    });
    if ("readyAt" in answer) bed.clock.pass(Math.max(0, Number(answer.readyAt) - bed.clock.now()));
    bed.clock.pass(10);
  }
}

async function row(bed: Bed, id: RollId): Promise<DeviceRow> {
  const [first] = (await bed.batches.read(id, 0)).rows;
  if (first === undefined) throw new Error("no row");
  return first;
}

const wider = { compromisedSlots: ["primary" as const, "secondary" as const] };

describe("a breach that is wider than an open one", () => {
  it("takes the device over, cuts off what either names, and gives the status back that stood before both", async () => {
    const bed = new Bed();
    const standby = bed.leaf("pump-1");
    const device = bed.device("pump-1", { standby });
    await open(bed, otherRollId, device);
    await bed.steps.closeAtDps({ rollId: otherRollId, batch: 0 });
    await bed.steps.holdAtHub({ rollId: otherRollId, batch: 0 });
    // The identity is held by the first roll now: its `disabled` is nobody's wish.
    await open(bed, rollId, device, wider);
    for (let n = 0; n < 3; n += 1) await round(bed, rollId);
    const mine = await row(bed, rollId);
    expect(mine.containedAt).toBeDefined();
    expect(new Set(mine.bad)).toEqual(new Set([device.old.sha256Thumbprint, standby.sha256Thumbprint]));
    expect(bed.azure.hub().identity(device.deviceId)?.status).toBe("enabled");
    expect(bed.opens(device, device.old)).toBe(false);
    expect(bed.opens(device, standby)).toBe(false);

    const before = [bed.azure.dps.entry("pump-1"), bed.azure.hub().identity(device.deviceId)];
    await round(bed, otherRollId);
    expect([bed.azure.dps.entry("pump-1"), bed.azure.hub().identity(device.deviceId)]).toEqual(before);
    const theirs = await row(bed, otherRollId);
    expect(theirs).toMatchObject({ supersededBy: rollId, skipped: `superseded-by ${rollId}` });
    expect(deviceState(theirs)).toBe("superseded");
  });

  it("leaves the device alone if the open one covers all that it names", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await open(bed, otherRollId, device, wider);
    await open(bed, rollId, device);
    expect((await row(bed, rollId)).skipped).toBe(`claimed-by ${otherRollId}`);
    expect(await bed.targetClaims.takeovers(otherRollId)).toBe(0);
  });

  it("cuts off what the open one was yet to cut off", async () => {
    const bed = new Bed();
    const [standby, leaked] = [bed.leaf("pump-1"), bed.leaf("pump-1")];
    const device = bed.device("pump-1", { standby });
    await open(bed, otherRollId, device, { ...wider, compromisedPem: leaked.certificatePem });
    // Names a leaf that the other one does not, and fewer slots.
    await open(bed, rollId, device, { compromisedPem: device.old.certificatePem });
    for (let n = 0; n < 2; n += 1) await round(bed, rollId);
    const mine = await row(bed, rollId);
    expect(mine.containedAt).toBeDefined();
    const all = [device.old, standby, leaked].map(({ sha256Thumbprint }) => sha256Thumbprint);
    expect(new Set(mine.bad)).toEqual(new Set(all));
    for (const leaf of [device.old, standby]) {
      expect(bed.opens(device, leaf)).toBe(false);
      expect(bed.azure.register("pump-1", leaf.certificatePem)).toBe(false);
    }
  });

  it("keeps the device when it has ended before the other one has looked", async () => {
    const bed = new Bed();
    const standby = bed.leaf("pump-1");
    const device = bed.device("pump-1", { standby });
    await open(bed, otherRollId, device);
    await round(bed, otherRollId);
    await open(bed, rollId, device, wider);
    for (let n = 0; n < 2; n += 1) await round(bed, rollId);
    await bed.steps.closeRoll({ rollId });
    await bed.steps.releaseClaims({ rollId, from: 0 });

    const before = [bed.azure.dps.entry("pump-1"), bed.azure.hub().identity(device.deviceId)];
    await bed.steps.recheckContained({ rollId: otherRollId, batch: 0 });
    await round(bed, otherRollId);
    expect([bed.azure.dps.entry("pump-1"), bed.azure.hub().identity(device.deviceId)]).toEqual(before);
    expect(deviceState(await row(bed, otherRollId))).toBe("superseded");
  });

  it("is not asked for a report by the other one, although the device is heard again", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { standby: bed.leaf("pump-1") });
    await open(bed, otherRollId, device);
    await round(bed, otherRollId);
    bed.clock.pass(1_000);
    await bed.heal(device);
    await open(bed, rollId, device, wider);
    await bed.steps.proveBatch({ rollId: otherRollId, batch: 0 });
    expect(bed.asked(device)).toBe(0);
    expect((await row(bed, otherRollId)).attempt).toBeUndefined();
  });

  it.each(STEPS.flatMap((step) => [1, 2, 3].map((call) => [step, call] as const)))(
    "taking over while %s of the other one is at its service call %i: the other one writes nothing afterwards",
    async (step, call) => {
      const bed = new Bed();
      const device = bed.device("pump-1", { standby: bed.leaf("pump-1") });
      await open(bed, otherRollId, device);
      for (const earlier of STEPS.slice(0, STEPS.indexOf(step))) {
        const answer = await bed.steps[earlier]({ rollId: otherRollId, batch: 0 });
        if ("readyAt" in answer) bed.clock.pass(Math.max(0, answer.readyAt - bed.clock.now()));
      }
      // In the middle of the other roll's step, just after its n-th call to a service, the wider one claims the device.
      let calls = 0;
      const writesAfter: string[] = [];
      const stop = bed.azure.faults.observe(async ({ operation }) => {
        calls += 1;
        if (calls > call && /put|bulk/.test(operation)) writesAfter.push(operation);
        if (calls !== call) return;
        const scope = { slots: wider.compromisedSlots };
        const claimant = { rollId, priority: 1, batch: 0 };
        await bed.targetClaims.claim(claimant, "device", [{ id: device.registrationId, scope }]);
      });
      await bed.steps[step]({ rollId: otherRollId, batch: 0 }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "superseded-midway" });
      });
      for (const name of STEPS) await bed.steps[name]({ rollId: otherRollId, batch: 0 }).catch(() => undefined);
      stop();
      expect(writesAfter).toEqual([]);
    },
  );
});
