import { RegistrationId, type RollId } from "../../../shared/domain/ids";
import type { RollTarget } from "../../../shared/domain/roll/request";
import { otherRollId, rollId } from "../../support/builders";
import { Bed } from "./bed";

function targets(count: number): RollTarget[] {
  return Array.from({ length: count }, (_, n) => ({
    registrationId: RegistrationId.parse(`pump-${n}`),
    compromisedSlots: ["primary"],
    replacement: { kind: "none" },
  }));
}

async function openWith(bed: Bed, all: readonly RollTarget[]): ReturnType<Bed["openFleet"]> {
  const about = { playbook: "individual-breach", source: "soc", alertId: "1", reason: "leak" } as const;
  const requestedAt = bed.clock.now();
  await bed.blobs.putRequest(rollId, { ...about, requestedAt, targets: [...all], timing: bed.timing });
  const batches = Math.ceil(all.length / 90);
  await bed.rolls.create({ rollId, ...about, phase: "requested", requestedAt, devices: all.length, batches });
  return bed.openFleet();
}

/** Claims a device as a breach does; answers who holds it if that is somebody else. */
async function claim(bed: Bed, by: RollId, id: RegistrationId): Promise<RollId | undefined> {
  const { held } = await bed.targetClaims.claim({ rollId: by, priority: 1, batch: 0 }, "device", [{ id }]);
  return held.get(id)?.rollId;
}

describe("opening a roll", () => {
  it("cuts the list into batches of at most ninety, each device once", async () => {
    const bed = new Bed();
    const opened = await openWith(bed, targets(200));
    expect(opened).toEqual({ devices: 200, batches: 3, waves: 1 });
    const batches = await Promise.all([0, 1, 2].map((batch) => bed.batches.read(rollId, batch)));
    expect(batches.map(({ rows }) => rows.length)).toEqual([90, 90, 20]);
    const ids = batches.flatMap(({ rows }) => rows.map((row) => row.registrationId));
    expect(new Set(ids).size).toBe(200);
    expect(await bed.rolls.get(rollId)).toMatchObject({ devices: 200, batches: 3, waves: 1 });
    for (const [batch, { rows }] of batches.entries()) {
      const kept = await bed.blobs.getTargets(rollId, batch);
      expect(new Set(kept.map((target) => target.registrationId))).toEqual(
        new Set(rows.map((row) => row.registrationId)),
      );
    }
  });

  it("run a second time, or twice at once, changes nothing that stands", async () => {
    const bed = new Bed();
    await openWith(bed, targets(3));
    const { deviceId: _none, ...row } = (await bed.batches.read(rollId, 0)).rows[0]!;
    await (
      await bed.batches.checkOut(rollId, 0, "t").then((out) => (out.outcome === "busy" ? undefined : out.batch))
    )?.settle(undefined, [{ ...row, bad: [], warnings: ["kept"] }]);
    await Promise.all([bed.openFleet(), bed.openFleet()]);
    const { rows } = await bed.batches.read(rollId, 0);
    expect(rows.filter(({ warnings }) => warnings.includes("kept"))).toHaveLength(1);
    expect(rows.filter(({ skipped }) => skipped !== undefined)).toHaveLength(0);
  });

  it("reads nothing from Azure, so that nothing there can delay it", async () => {
    const bed = new Bed();
    await openWith(bed, targets(3));
    expect([...bed.azure.faults.calls.keys()]).toEqual([]);
  });

  it("skips devices that another open roll has, and takes them when that roll is over", async () => {
    const bed = new Bed();
    const [first] = targets(1);
    await claim(bed, otherRollId, first!.registrationId);
    await openWith(bed, targets(2));
    expect((await bed.row(first!)).skipped).toBe(`claimed-by ${otherRollId}`);
    expect((await bed.rolls.readSummaries(rollId)).map(({ counts }) => counts)).toEqual([{ skipped: 1, planned: 1 }]);
    await bed.targetClaims.release(otherRollId, "device", [first!.registrationId]);
    expect(await claim(bed, rollId, first!.registrationId)).toBeUndefined();
  });

  it("does not touch a skipped device at DPS or the hub", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await claim(bed, otherRollId, device.registrationId);
    await bed.open(device);
    await bed.contain();
    expect(bed.opens(device, device.old)).toBe(true);
    expect(bed.azure.faults.calls.get("dps.enrollment.put")).toBeUndefined();
  });
});

describe("the roll's header", () => {
  it("gets containment and exposure noted once", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    expect(await bed.steps.noteContained({ rollId })).toEqual({ contained: 1 });
    const noted = await bed.rolls.get(rollId);
    expect(noted).toMatchObject({ phase: "awaiting", containedAt: bed.clock.now() });
    expect(noted?.exposure?.maxMs).toBe((await bed.row(device)).containedAt! - noted!.requestedAt);
    bed.clock.pass(5_000);
    await bed.steps.noteContained({ rollId });
    expect(await bed.rolls.get(rollId)).toEqual(noted);
  });

  it("is completed when every device is proven, and the claims are given back", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    bed.clock.pass(1_000);
    await bed.heal(device);
    await bed.steps.proveBatch(bed.at);
    await bed.report(device);
    await bed.steps.proveBatch(bed.at);
    expect(await bed.steps.closeRoll({ rollId })).toEqual({ outcome: "completed", proven: 1 });
    expect(await bed.rolls.get(rollId)).toMatchObject({
      phase: "finished",
      outcome: "completed",
      counts: { proven: 1 },
    });
    expect(await bed.rolls.listOpen()).toHaveLength(1);
    expect(await bed.steps.releaseClaims({ rollId, from: 0 })).toEqual({});
    expect(await bed.rolls.listOpen()).toEqual([]);
    expect(await claim(bed, otherRollId, device.registrationId)).toBeUndefined();
    const finished = await bed.rolls.get(rollId);
    bed.clock.pass(1_000);
    await bed.steps.closeRoll({ rollId });
    await bed.steps.releaseClaims({ rollId, from: 0 });
    expect(await bed.rolls.get(rollId)).toEqual(finished);
    // The other roll's claim is not given back by a repetition.
    expect(await claim(bed, rollId, device.registrationId)).toBe(otherRollId);
  });

  it.each(["none", "inline"] as const)("is partial while a device (replacement %s) is not proven", async (kind) => {
    const bed = new Bed();
    const device = bed.device("pump-1", kind === "none" ? { target: { replacement: { kind } } } : {});
    await bed.open(device);
    await bed.contain();
    expect((await bed.steps.closeRoll({ rollId })).outcome).toBe("partial");
  });

  it("shows the exposure that a break of containment added", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    await bed.steps.noteContained({ rollId });
    const first = (await bed.rolls.get(rollId))!.exposure!.maxMs;
    bed.clock.pass(30_000);
    bed.azure.addIdentity({ deviceId: device.deviceId, primaryThumbprint: device.old.sha256Thumbprint });
    await bed.steps.recheckContained(bed.at);
    await bed.contain();
    await bed.steps.closeRoll({ rollId });
    expect((await bed.rolls.get(rollId))!.exposure!.maxMs).toBeGreaterThan(first + 30_000);
  });
});
