import { expectGolden, play } from "./playbook";

describe("closeFleet", () => {
  it("closes the books and makes the report before any claim is given back", async () => {
    const ran = await play("closeFleet", {});
    expect(ran.calls).toEqual(["closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"]);
    expect(ran.output).toEqual({ outcome: "completed", proven: 3 });
    expectGolden("closeFleet", "one-group", ran);
  });

  it("says how the roll ended where the counts cannot", async () => {
    const ran = await play("closeFleet", { outcome: "aborted" }, { closeRoll: { outcome: "aborted", proven: 1 } });
    expect(ran.executions[0]?.actions[0]).toMatchObject({ input: { outcome: "aborted" } });
    expect(ran.output).toEqual({ outcome: "aborted", proven: 1 });
  });

  it("gives claims back group by group, continuing as new, and closes the books once", async () => {
    const ran = await play(
      "closeFleet",
      {},
      { releaseClaims: (_input, nth) => (nth < 60 ? { next: 16 * (nth + 1) } : {}) },
    );
    expect(ran.calls.filter((call) => call === "closeRoll")).toHaveLength(1);
    expect(ran.calls.filter((call) => call === "releaseClaims")).toHaveLength(61);
    expect(ran.executions).toHaveLength(2);
    expect(ran.executions[1]?.input).toMatchObject({ progress: { outcome: "completed", from: 640 } });
    expect(ran.output).toEqual({ outcome: "completed", proven: 3 });
    expectGolden("closeFleet", "two-executions", ran);
  });
});
