import { VERSION, type Action } from "../support/replay";
import { expectGolden, play, START, Unavailable } from "./playbook";

describe("individualBreach", () => {
  it("opens, contains, notes it, proves, and closes, in this order", async () => {
    const ran = await play("individualBreach", {});
    expect(ran.calls).toEqual([
      ...["gatherTargets", "cutTargets", "openBatches", "enterPhase"],
      ...["closeAtDps#0", "holdAtHub#0", "releaseHold#0", "confirmContained#0"],
      "noteContained",
      ...["readControl", "proveBatch#0", "examineBatch#0", "sumExamined", "freezePlan", "treatModules#0"],
      ...["closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"],
    ]);
    expect(ran.output).toEqual({ outcome: "completed", proven: 3 });
    expectGolden("individualBreach", "one-batch", ran);
  });

  it("starts its children on its own version", async () => {
    const { executions } = await play("individualBreach", {});
    const children = executions.flatMap(({ actions }) => actions.flatMap(partsOf)).filter(isChild);
    expect(children.map((child) => [child["functionName"], child["version"]])).toEqual([
      ["openFleet", VERSION],
      ["containFleet", VERSION],
      ["proveFleet", VERSION],
      ["planRoll", VERSION],
      ["treatResidue", VERSION],
      ["closeFleet", VERSION],
    ]);
  });

  it("closes a roll of nothing without asking anything of Azure", async () => {
    const ran = await play("individualBreach", {}, { cutTargets: { devices: 0, batches: 0, waves: 0 } });
    expect(ran.calls).toEqual([
      "gatherTargets",
      "cutTargets",
      "enterPhase",
      "noteContained",
      "readControl",
      "freezePlan",
      "closeRoll",
      "writeEvidence",
      "sealEvidence",
      "releaseClaims",
    ]);
  });

  it("does not note containment before every batch has gone through it", async () => {
    const { calls } = await play("individualBreach", {}, { cutTargets: { devices: 1_800, batches: 20, waves: 1 } });
    const confirmed = calls.flatMap((call, at) => (call.startsWith("confirmContained") ? [at] : []));
    expect(confirmed).toHaveLength(20);
    expect(calls.indexOf("noteContained")).toBeGreaterThan(Math.max(...confirmed));
  });

  it("fails loudly when storage stays away, for the sweeper to start it again", async () => {
    const ran = await play("individualBreach", {}, { gatherTargets: () => new Unavailable() });
    expect(ran.error).toContain("gatherTargets: service-unavailable after 25 tries");
    expect(ran.calls).toHaveLength(25);
    // Waits double from one second to one minute.
    expect(ran.endedAt - START).toBeGreaterThan(18 * 60_000);
    expect(ran.endedAt - START).toBeLessThan(22 * 60_000);
  });

  it("takes an answer that breaks the contract for an error", async () => {
    const ran = await play("individualBreach", {}, { cutTargets: { devices: 1, batches: -1, waves: 1 } });
    expect(ran.error).toContain("batches");
  });
});

/** What was asked for at once, one by one. */
function partsOf(action: Action): readonly Action[] {
  const parts = action["compoundActions"];
  return Array.isArray(parts) ? (parts as Action[]) : [action];
}

function isChild({ actionType }: Action): boolean {
  return actionType === 2;
}
