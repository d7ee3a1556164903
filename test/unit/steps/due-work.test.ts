import { dueKey } from "../../../shared/domain/due";
import { addMs, instant } from "../../../shared/domain/instant";
import { createRunDue } from "../../../shared/use-cases/run-due";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { RollError } from "../../../shared/domain/roll-error";
import { otherRollId, rollId } from "../../support/builders";
import { MemoryDueRows } from "../../support/memory-due-rows";
import { Bed, type BedDevice } from "./bed";

const key = dueKey("recheck", rollId);

/** A roll that ended with its only device contained and not proven. */
async function closed(bed: Bed): Promise<BedDevice> {
  const device = bed.device("pump-1");
  await bed.open(device);
  await bed.contain();
  await bed.steps.noteContained({ rollId });
  await bed.steps.closeRoll({ rollId });
  await bed.steps.releaseClaims({ rollId, from: 0 });
  return device;
}

/** What the orchestration does with its only batch; true if something had to be contained anew. */
async function recheck(bed: Bed): Promise<boolean> {
  const { mine } = await bed.steps.reclaimBatch(bed.at);
  const { broken } = mine > 0 ? await bed.steps.recheckContained(bed.at) : { broken: 0 };
  if (broken > 0) await bed.contain();
  await bed.steps.releaseBatch(bed.at);
  await bed.steps.settleDue({ rollId, key });
  return broken > 0;
}

describe("devices that a closed roll left contained", () => {
  it("are noted to be read again, ever more seldom, for thirty days", async () => {
    const bed = new Bed();
    await closed(bed);
    const pauses: number[] = [];
    for (;;) {
      const [row] = await bed.due.list({ limit: 10 });
      if (row === undefined) break;
      pauses.push(row.dueAt - bed.clock.now());
      bed.clock.pass(row.dueAt - bed.clock.now());
      expect(await bed.due.due(bed.clock.now(), 10)).toHaveLength(1);
      expect(await recheck(bed)).toBe(false);
    }
    expect(pauses[0]).toBe(bed.timing.recheckMs);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses.at(-1)).toBe(86_400_000);
    expect(pauses.length).toBeLessThan(100);
  });

  it("are left to another roll that has one of them by now", async () => {
    const bed = new Bed();
    const [mine, theirs] = [bed.device("pump-1"), bed.device("pump-2")];
    await bed.open(mine, theirs);
    await bed.contain();
    await bed.steps.closeRoll({ rollId });
    await bed.steps.releaseClaims({ rollId, from: 0 });
    const claimant = { rollId: otherRollId, priority: 1, batch: 0 };
    await bed.targetClaims.claim(claimant, "device", [{ id: theirs.registrationId }]);
    // What the other one writes is foreign to this one.
    bed.azure.addIdentity({ deviceId: theirs.deviceId, primaryThumbprint: theirs.old.sha256Thumbprint });
    expect(await recheck(bed)).toBe(false);
    expect((await bed.row(theirs)).containedAt).toBeDefined();
    await bed.targetClaims.release(otherRollId, "device", [theirs.registrationId]);
    expect(await recheck(bed)).toBe(true);
  });

  it("are contained anew when somebody opens an identity by mistake", async () => {
    const bed = new Bed();
    const device = await closed(bed);
    bed.azure.addIdentity({ deviceId: device.deviceId, primaryThumbprint: device.old.sha256Thumbprint });
    expect(bed.opens(device, device.old)).toBe(true);
    expect(await recheck(bed)).toBe(true);
    expect(bed.opens(device, device.old)).toBe(false);
    expect(await bed.journal()).toContainEqual(expect.stringContaining("containment-broken"));
  });

  it("are contained anew when one is heard over a session that outlived the hold", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    await bed.open(device);
    await bed.contain();
    await bed.steps.closeRoll({ rollId });
    await bed.steps.releaseClaims({ rollId, from: 0 });
    expect(await recheck(bed)).toBe(false);
    bed.clock.pass(5_000);
    await bed.heartbeat(device, device.old);
    expect(await recheck(bed)).toBe(true);
    expect(await bed.journal()).toContainEqual(expect.stringContaining("session-survived"));
  });

  it("are left to another roll that has them by now", async () => {
    const bed = new Bed();
    const device = await closed(bed);
    await bed.targetClaims.claim({ rollId: otherRollId, priority: 0, batch: 0 }, "device", [
      { id: device.registrationId },
    ]);
    expect(await bed.steps.reclaimBatch(bed.at)).toEqual({ mine: 0 });
    await bed.steps.releaseBatch(bed.at);
    expect((await bed.targetClaims.holders("device", [device.registrationId])).size).toBe(1);
  });

  it("are none where every device was proven", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    await bed.heal(device);
    await bed.steps.proveBatch(bed.at);
    await bed.report(device);
    await bed.steps.proveBatch(bed.at);
    await bed.steps.closeRoll({ rollId });
    expect(await bed.due.list({ limit: 10 })).toEqual([]);
  });
});

describe("the timer", () => {
  it("starts each due piece under one name, and all the others where one cannot be started", async () => {
    const due = new MemoryDueRows();
    const now = instant(1_000);
    for (const subject of ["a", "b", "c"])
      await due.note({
        key: dueKey("lift-deny", rollId, subject),
        kind: "lift-deny",
        dueAt: subject === "c" ? addMs(now, 1) : now,
        rollId,
        subject,
        reason: "expired",
        notedAt: now,
      });
    const started: string[] = [];
    const run = createRunDue({ clock: { now: () => now }, entropy: nodeEntropy, due });
    const starter = {
      start: (_kind: string, instanceId: string, row: { readonly subject?: string | undefined }): Promise<void> => {
        started.push(`${row.subject ?? ""} ${instanceId}`);
        return row.subject === "a"
          ? Promise.reject(new RollError("service-unavailable", "away", true))
          : Promise.resolve();
      },
    };
    await expect(run(starter)).rejects.toMatchObject({ code: "service-unavailable" });
    await expect(run(starter)).rejects.toMatchObject({ code: "service-unavailable" });
    expect(started.map((text) => text.slice(0, 1))).toEqual(["a", "b", "a", "b"]);
    expect(new Set(started).size).toBe(2);
  });
});
