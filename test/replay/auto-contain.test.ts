import { expectGolden, play } from "./playbook";

const planHash = "AB".repeat(32);
const heldBack = { devices: 80, planHash, fromBatch: 1 };
const cutTargets = { devices: 180, batches: 2, waves: 1, heldBack };

describe("a breach with devices that are held back", () => {
  it("contains and proves the others while these wait, then contains these", async () => {
    let approved = false;
    const ran = await play(
      "individualBreach",
      {},
      {
        cutTargets,
        readControl: (_input, nth) => {
          approved = nth >= 3;
          return { state: approved ? "met" : "waiting", retries: 0, missing: approved ? [] : ["approved"] };
        },
        proveBatch: () => ({ open: approved ? 0 : 80, proven: 100, broken: 0 }),
      },
    );
    const admitted = ran.calls.indexOf("admitHeldBack#1");
    expect(ran.calls.filter((call) => call.startsWith("admitHeldBack"))).toEqual(["admitHeldBack#1"]);
    expect(ran.calls.indexOf("noteContained")).toBeLessThan(admitted);
    expect(ran.calls.lastIndexOf("closeAtDps#1")).toBeGreaterThan(admitted);
    expect(ran.calls.lastIndexOf("closeAtDps#0")).toBeLessThan(admitted);
    expect(ran.output).toEqual({ outcome: "completed", proven: 3 });
    expectGolden("individualBreach", "held-back", ran);
  });

  it("goes through its two halves by themselves too", async () => {
    const pace = { pollMs: 10_000, recheckMs: 300_000, deadline: Date.UTC(2026, 0, 2) };
    const admitted = await play("admitFleet", { batches: 100, pace, heldBack });
    expect(admitted.calls.filter((call) => call.startsWith("admitHeldBack"))).toHaveLength(99);
    for (const { actions } of admitted.executions) expect(actions.length).toBeLessThanOrEqual(42);
    expectGolden("admitFleet", "approved", admitted);
    expectGolden("containAndProve", "one-batch", await play("containAndProve", { batches: 1, pace }));
  });

  it.each([["aborted"], ["waiting"]])("drops them where nobody approves (%s)", async (state) => {
    const decisions: unknown[] = [];
    const ran = await play(
      "individualBreach",
      {},
      {
        cutTargets,
        readControl: { state, retries: 0, missing: ["approved"] },
        admitHeldBack: (input) => {
          decisions.push(input);
          return { admitted: 0 };
        },
      },
    );
    expect(decisions).toMatchObject([{ batch: 1 }]);
    expect(ran.calls.filter((call) => call === "closeAtDps#1")).toHaveLength(1);
    expect(ran.error).toBeUndefined();
  });
});

describe("a group's breach that is held back", () => {
  const held = { planHash, pace: { pollMs: 10_000, recheckMs: 300_000, deadline: Date.UTC(2026, 0, 2) } };
  const closeGroup = (_input: object, nth: number): object =>
    nth === 0 ? { outcome: "held-back", replaces: false, held } : { outcome: "closed", replaces: false };

  it("writes nothing before the approval, then closes first of all", async () => {
    const ran = await play("groupBreach", {}, { closeGroup });
    expect(ran.calls.slice(0, 5)).toEqual(["closeGroup", "enterPhase", "readControl", "closeGroup", "enterPhase"]);
    expectGolden("groupBreach", "held-back", ran);
  });

  it("ends without a write where it is aborted", async () => {
    const readControl = { state: "aborted", retries: 0, missing: [] };
    const ran = await play("groupBreach", {}, { closeGroup, readControl });
    expect(ran.calls).toEqual([
      ...["closeGroup", "enterPhase", "readControl"],
      ...["closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"],
    ]);
  });
});
