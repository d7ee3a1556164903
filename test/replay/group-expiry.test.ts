import { z } from "zod";
import { expectGolden, PLAN_HASH, play, START } from "./playbook";

/** The calls of this roll that touch trust at DPS or devices, in order, one that is repeated at once named once. */
function trustCalls(calls: readonly string[]): string[] {
  const trust =
    /^(judgeSuccessor|provePossession|stageAuthority|dispatchBatch|retireBatch|dropAuthority|deleteAuthority)/;
  const named = calls.filter((call) => trust.test(call)).map((call) => call.replace(/#\d+$/, ""));
  return named.filter((call, at) => call !== named[at - 1]);
}

describe("groupExpiry", () => {
  it("stages the new CA, rolls the fleet, and takes the old CA out last", async () => {
    const ran = await play("groupExpiry", {});
    expect(trustCalls(ran.calls)).toEqual([
      ...["judgeSuccessor", "provePossession", "stageAuthority"],
      ...["dispatchBatch", "retireBatch", "dropAuthority", "deleteAuthority"],
    ]);
    expect(ran.output).toEqual({ outcome: "completed", proven: 3 });
    expectGolden("groupExpiry", "root", ran);
  });

  it("touches no trust at DPS where only leaves run out", async () => {
    const ran = await play("groupExpiry", {}, { judgeSuccessor: { outcome: "not-needed" } });
    expect(trustCalls(ran.calls)).toEqual(["judgeSuccessor", "dispatchBatch", "retireBatch"]);
    expect(ran.output).toEqual({ outcome: "completed", proven: 3 });
    expectGolden("groupExpiry", "leaf", ran);
  });

  it("judges the leaves that come with the roll after the new CA, and before the plan is frozen", async () => {
    const pace = { pollMs: 10_000, recheckMs: 300_000, watchMs: 60_000, deadline: START + 60_000 };
    const readCourse = { batches: 1, waves: 1, pace, csr: false, stage: false, judges: true, retire: "all-proven" };
    const ran = await play("groupExpiry", {}, { readCourse });
    const at = (call: string): number => ran.calls.indexOf(call);
    expect(at("planExpiry#0")).toBeGreaterThan(at("judgeSuccessor"));
    expect(at("planExpiry#0")).toBeLessThan(at("examineBatch#0"));
  });

  it("ends before anything is written where the new CA is refused", async () => {
    const ran = await play("groupExpiry", {}, { judgeSuccessor: { outcome: "refused", code: "slot-in-use" } });
    expect(ran.calls.slice(3)).toEqual([
      ...["judgeSuccessor", "examineBatch#0", "sumExamined", "freezePlan"],
      ...["closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"],
    ]);
    expect(closedAs(ran)).toBe("refused");
  });

  it.each(["refused", "aborted"] as const)("touches nothing where the plan is %s", async (decision) => {
    const planHash = PLAN_HASH;
    const pace = { pollMs: 10_000, recheckMs: 300_000, deadline: START + 60_000 };
    const refused = decision === "refused";
    const ran = await play(
      "groupExpiry",
      {},
      { freezePlan: { planHash, refused, approval: true, dryRun: false, pace }, readControl: aborted() },
    );
    expect(trustCalls(ran.calls)).toEqual(["judgeSuccessor"]);
    expect(closedAs(ran)).toBe(decision);
  });

  it.each<[string, Parameters<typeof play>[2], string]>([
    ["possession is refused", { provePossession: { state: "refused", code: "name-taken" } }, "refused"],
    [
      "it is aborted while a person should sign",
      { provePossession: { state: "awaiting" }, readControl: aborted() },
      "aborted",
    ],
    ["nobody signs before the deadline", { provePossession: { state: "awaiting" } }, "partial"],
    ["DPS does not take the new CA", { stageAuthority: { outcome: "refused", code: "family-changed" } }, "refused"],
  ])("rolls nobody where %s", async (_what, scripts, outcome) => {
    const ran = await play("groupExpiry", {}, scripts);
    expect(ran.calls.filter((call) => /dispatch|drop|delete/.test(call))).toEqual([]);
    expect(closedAs(ran)).toBe(outcome);
  });

  it("leaves both CAs where they are after an abort", async () => {
    const ran = await play("groupExpiry", {}, { readControl: aborted() });
    expect(trustCalls(ran.calls)).toEqual(["judgeSuccessor", "provePossession", "stageAuthority"]);
    expect(closedAs(ran)).toBe("aborted");
    expectGolden("groupExpiry", "aborted", ran);
  });

  it("is partial while the group still needs its old CA, and not because DPS keeps a certificate", async () => {
    const needed = await play("groupExpiry", {}, { dropAuthority: { outcome: "refused", code: "not-all-proven" } });
    expect(closedAs(needed)).toBe("partial");
    const kept = await play(
      "groupExpiry",
      {},
      { deleteAuthority: { outcome: "kept", code: "authority-anchors-others" } },
    );
    expect(closedAs(kept)).toBeUndefined();
  });

  it("gives devices that went back another chance before it retires anything", async () => {
    const ran = await play(
      "groupExpiry",
      {},
      { retireBatch: (_input, nth) => ({ retired: 2, kept: 0, open: 0, regressed: nth === 0 ? 1 : 0 }) },
    );
    expect(trustCalls(ran.calls).slice(3)).toEqual([
      ...["dispatchBatch", "retireBatch", "dispatchBatch", "retireBatch"],
      ...["dropAuthority", "deleteAuthority"],
    ]);
  });
});

/** The outcome that the orchestrator itself decided; undefined where the devices decide. */
function closedAs({ executions }: Awaited<ReturnType<typeof play>>): string | undefined {
  const closing = executions
    .flatMap(({ actions }) => actions)
    .find(({ functionName }) => functionName === "closeFleet");
  return z.object({ outcome: z.string().optional() }).parse(closing?.["input"]).outcome;
}

function aborted(): object {
  return { state: "aborted", retries: 0, missing: [] };
}
