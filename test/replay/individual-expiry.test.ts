import { expectGolden, play, START } from "./playbook";

describe("individualExpiry", () => {
  it("opens, plans, rolls, retires, and closes, in this order", async () => {
    const ran = await play("individualExpiry", {});
    expect(ran.calls).toEqual([
      ...["gatherTargets", "cutTargets", "openBatches", "planExpiry#0"],
      ...["examineBatch#0", "sumExamined", "freezePlan", "enterPhase"],
      ...["readCourse", "readWave", "readControl", "dueBatches"],
      ...["readCourse", "stageBatch#0", "proveChange#0", "dispatchBatch#0", "proveChange#0", "weigh"],
      ...["readControl", "dueBatches"],
      ...["readCourse", "stageBatch#0", "proveChange#0", "dispatchBatch#0", "proveChange#0", "weigh"],
      ...["enterPhase", "readCourse", "readControl", "retireBatch#0"],
      ...["closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"],
    ]);
    expect(ran.output).toEqual({ outcome: "completed", proven: 3 });
    expectGolden("individualExpiry", "one-batch", ran);
  });

  it("retires nothing when it was aborted, and says so", async () => {
    const ran = await play(
      "individualExpiry",
      {},
      {
        readControl: { state: "aborted", retries: 0, missing: [] },
        closeRoll: { outcome: "aborted", proven: 0 },
      },
    );
    expect(ran.calls).not.toContain("retireBatch#0");
    expect(ran.calls).not.toContain("dispatchBatch#0");
    expect(ran.output).toEqual({ outcome: "aborted", proven: 0 });
    expectGolden("individualExpiry", "aborted", ran);
  });

  it("gives devices that went back to their old leaf another chance, three in all", async () => {
    const ran = await play("individualExpiry", {}, { retireBatch: { retired: 2, kept: 1, open: 0, regressed: 1 } });
    expect(ran.calls.filter((call) => call === "retireBatch#0")).toHaveLength(3);
    expect(ran.calls.at(-1)).toBe("releaseClaims");
  });

  it("retires what is proven at the deadline, and does not begin anew", async () => {
    const ran = await play(
      "individualExpiry",
      {},
      {
        readCourse: {
          ...{ batches: 1, waves: 1, csr: false, stage: true, retire: "all-proven" },
          pace: { pollMs: 10_000, recheckMs: 300_000, watchMs: 60_000, deadline: START + 60_000 },
        },
        weigh: { verdict: "wait", failed: 0, waiting: 1, dueAt: 0 },
        retireBatch: { retired: 2, kept: 1, open: 0, regressed: 1 },
      },
    );
    expect(ran.calls.filter((call) => call === "retireBatch#0")).toHaveLength(1);
  });
});
