import { expectGolden, play } from "./playbook";

const input = { key: "recheck|some-roll" };

describe("recheckClosed", () => {
  it("takes a batch back, reads it, contains what opened again, and gives it back", async () => {
    const ran = await play("recheckClosed", input, {
      recheckContained: (_given, nth) => ({ broken: nth === 0 ? 1 : 0 }),
    });
    expect(ran.calls).toEqual([
      ...["countBatches", "reclaimBatch#0", "recheckContained#0"],
      ...["closeAtDps#0", "holdAtHub#0", "releaseHold#0", "confirmContained#0"],
      ...["releaseBatch#0", "settleDue"],
    ]);
    expectGolden("recheckClosed", "one-broken", ran);
  });

  it("reads nothing of what other rolls have by now", async () => {
    const ran = await play("recheckClosed", input, { reclaimBatch: { mine: 0 } });
    expect(ran.calls).toEqual(["countBatches", "reclaimBatch#0", "releaseBatch#0", "settleDue"]);
  });

  it("goes through a large roll with short histories", async () => {
    const ran = await play("recheckClosed", input, { countBatches: { batches: 100 } });
    expect(ran.calls.filter((call) => call.startsWith("recheckContained"))).toHaveLength(100);
    expect(ran.executions.length).toBeGreaterThan(8);
    for (const { actions } of ran.executions) expect(actions.length).toBeLessThanOrEqual(50);
  });
});
