import { dueKey, nextRetirement, type DueRow } from "../../../shared/domain/due";
import { RollId } from "../../../shared/domain/ids";
import { addMs, instant } from "../../../shared/domain/instant";
import { createReclaimTrust, createReleaseTrust, createSettleDue } from "../../../shared/steps/due-work";
import { createCloseRoll, createReleaseClaims } from "../../../shared/steps/roll-milestones";
import { rollId, t0 } from "../../support/builders";
import { MemoryControlStore } from "../../support/memory-control";
import { MemoryDueRows } from "../../support/memory-due-rows";
import { MemoryBatchStore } from "../../support/memory-stores";
import { AuthorityBed } from "./authority-bed";

const DAY = 86_400_000;
const other = RollId.parse("20260101T000000000Z-0badcafe");

/** A closed CA roll whose old CA is to stay until it has run out, and what the timer starts on the day. */
async function closed(when: "old-expired" | "all-proven" = "old-expired") {
  const bed = new AuthorityBed("caReferences", "root");
  bed.addGroup();
  await bed.ask({ retire: { when } });
  await bed.stageAll();
  await bed.rolls.update(rollId, (roll) => ({ ...roll, devices: 3 }));
  await bed.drop();
  const { clock, rolls, blobs, targetClaims } = bed;
  const due = new MemoryDueRows();
  const control = new MemoryControlStore();
  const deps = { clock, rolls, blobs, targetClaims, due, control, batches: new MemoryBatchStore(clock, 60_000) };
  await createCloseRoll(deps)({ rollId });
  await createReleaseClaims(deps)({ rollId, from: 0 });
  const key = dueKey("retire-ca", rollId);
  const steps = { reclaim: createReclaimTrust(deps), release: createReleaseTrust(deps), settle: createSettleDue(deps) };
  const run = async (): Promise<void> => {
    if ((await steps.reclaim({ rollId })).mine) {
      if ((await bed.drop()).outcome === "dropped") await bed.delete();
      await steps.release({ rollId });
    }
    await steps.settle({ rollId, key });
  };
  return { bed, run, row: (): Promise<DueRow | undefined> => due.find(key) };
}

describe("a CA that is to stay until it has run out", () => {
  it("is due on that day, and leaves the group and DPS by itself", async () => {
    const { bed, run, row } = await closed();
    const dueAt = (await row())?.dueAt ?? 0;
    expect(dueAt - t0).toBeGreaterThan(3_649 * DAY);
    bed.clock.pass(dueAt - bed.clock.now());
    await run();
    expect(bed.slots()).toBe("new -");
    expect(await bed.trust()).toMatchObject({ old: [{ name: "old-ca", state: "retired" }] });
    expect(await row()).toBeUndefined();
    expect((await bed.targetClaims.holders("group", ["fleet"])).size).toBe(0);
  });

  it("stays where the timer comes too early, and is looked at again on the day", async () => {
    const { bed, run, row } = await closed();
    const before = await row();
    await run();
    expect(bed.slots()).toBe("old new");
    expect(await row()).toMatchObject({ dueAt: before?.dueAt });
  });

  it("is left to a roll that works on the group, and looked at again a day later", async () => {
    const { bed, run, row } = await closed();
    bed.clock.pass(3_651 * DAY);
    await bed.targetClaims.claim({ rollId: other, priority: 0 }, "group", [{ id: "fleet" }]);
    await run();
    expect(bed.slots()).toBe("old new");
    expect((await row())?.dueAt).toBe(addMs(bed.clock.now(), DAY));
    expect((await bed.targetClaims.holders("group", ["fleet"])).get("fleet")?.rollId).toBe(other);
  });

  it("stays where somebody took the new one out of the group meanwhile", async () => {
    const { bed, run } = await closed();
    bed.clock.pass(3_651 * DAY);
    bed.addGroup();
    await run();
    expect(bed.slots()).toBe("old -");
  });

  it("has no row where the order did not ask for it", async () => {
    const { row } = await closed("all-proven");
    expect(await row()).toBeUndefined();
  });
});

describe("the day on which a CA may go", () => {
  const now = instant(t0);

  it.each([
    ["is right after the last of them has run out", [addMs(t0, DAY), addMs(t0, 2 * DAY)], addMs(t0, 2 * DAY + 1_000)],
    ["is another one once that day has passed", [addMs(t0, -DAY)], addMs(t0, DAY)],
    ["does not come any more a month later", [addMs(t0, -31 * DAY)], undefined],
    ["is not known where the end of one is not", [addMs(t0, DAY), undefined], undefined],
    ["is none where there is no CA", [], undefined],
  ])("%s", (_what, ends, expected) => {
    expect(nextRetirement(ends, now)).toBe(expected);
  });
});
