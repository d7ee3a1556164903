import { expectGolden, PLAN_HASH, play, START, Unavailable } from "./playbook";

describe("groupBreach", () => {
  it("closes the group before anything else, contains, then replaces the CA while it watches the contained devices", async () => {
    const ran = await play("groupBreach", {});
    expect(ran.calls.slice(0, 12)).toEqual([
      ...["closeGroup", "enterPhase", "closeReach"],
      ...["gatherTargets", "cutTargets", "openBatches", "moveInBulk"],
      ...["closeAtDps#0", "holdAtHub#0", "releaseHold#0", "confirmContained#0"],
      "noteContained",
    ]);
    const after = ran.calls.slice(12);
    expect(new Set(after)).toEqual(
      new Set([
        ...["judgeSuccessor", "enterPhase", "provePossession", "replaceAuthority", "countLeaning", "deleteAuthority"],
        ...["examineBatch#0", "sumExamined", "freezePlan", "treatModules#0"],
        ...["gatherOthers", "cutOthers", "beginExamination", "takeInventory", "noteExamination"],
        ...["readControl", "proveBatch#0", "closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"],
      ]),
    );
    expect(after.slice(-4)).toEqual(["closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"]);
    expect(ran.output).toEqual({ outcome: "completed", proven: 3 });
    expectGolden("groupBreach", "root-with-successor", ran);
  });

  it("does not touch CA certificates where no successor is named", async () => {
    const ran = await play("groupBreach", {}, { closeGroup: { outcome: "closed", replaces: false } });
    expect(ran.calls).not.toContain("judgeSuccessor");
    expect(ran.calls.slice(12)).toEqual([
      "enterPhase",
      ...["examineBatch#0", "sumExamined", "freezePlan", "readControl", "proveBatch#0", "treatModules#0"],
      ...["gatherOthers", "cutOthers", "beginExamination", "takeInventory", "gatherOthers", "cutOthers"],
      "noteExamination",
      ...["closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"],
    ]);
    expectGolden("groupBreach", "no-successor", ran);
  });

  it("looks for nobody else where only leaves are compromised", async () => {
    const ran = await play("groupBreach", {}, { closeGroup: { outcome: "nothing", replaces: false } });
    expect(ran.calls).not.toContain("beginExamination");
  });

  it("contains the group of the request though the CA graph cannot be read", async () => {
    const ran = await play("groupBreach", {}, { closeReach: { complete: false, groups: 1 } });
    expect(ran.calls).toContain("confirmContained#0");
    // Closed later, as soon as it can.
    expect(ran.calls.filter((call) => call === "closeReach")).toHaveLength(2);
    expect(ran.calls.lastIndexOf("closeReach")).toBeGreaterThan(ran.calls.indexOf("noteContained"));
  });

  it("closes only when both the successor's part and the proofs have ended", async () => {
    const proveBatch = (_: object, nth: number): object => ({ open: nth < 3 ? 1 : 0, proven: 3, broken: 0 });
    const ran = await play("groupBreach", {}, { proveBatch });
    expect(ran.calls.filter((call) => call === "proveBatch#0")).toHaveLength(4);
    expect(ran.calls.indexOf("closeRoll")).toBeGreaterThan(ran.calls.lastIndexOf("proveBatch#0"));
    expect(ran.calls.indexOf("closeRoll")).toBeGreaterThan(ran.calls.indexOf("deleteAuthority"));
  });
});

describe("restoreGroup", () => {
  const planHash = PLAN_HASH;
  const pace = { pollMs: 10_000, recheckMs: 300_000, deadline: START + 60_000 };

  it("waits for devices once the new CA is in", async () => {
    const ran = await play("restoreGroup", { batches: 1 });
    expect(ran.calls.at(-1)).toBe("enterPhase");
    expect(ran.calls).toContain("replaceAuthority");
    expectGolden("restoreGroup", "replaced", ran);
  });

  it("goes on without one where it is refused", async () => {
    const ran = await play(
      "restoreGroup",
      { batches: 1 },
      {
        judgeSuccessor: { outcome: "refused", code: "expired" },
        freezePlan: { planHash, refused: true, approval: false, dryRun: false, pace },
      },
    );
    expect(ran.calls).toEqual(["judgeSuccessor", "examineBatch#0", "sumExamined", "freezePlan", "enterPhase"]);
  });

  it("brings no CA in that nobody has approved, where the order asks for it", async () => {
    const ran = await play(
      "restoreGroup",
      { batches: 1 },
      {
        freezePlan: { planHash, refused: false, approval: true, dryRun: false, pace },
        readControl: { state: "waiting", retries: 0, missing: ["approved"] },
      },
    );
    expect(ran.calls).not.toContain("replaceAuthority");
    expect(ran.calls.at(-1)).toBe("enterPhase");
  });
});

describe("liftDue", () => {
  it("lifts one entry", async () => {
    const ran = await play("liftDue", { key: "lift-deny|x" });
    expect(ran.calls).toEqual(["liftDeny"]);
    expectGolden("liftDue", "lifted", ran);
  });
});

describe("containInBulk", () => {
  const cursor = { doing: "export", move: "hold", hub: 0, from: 0, looks: 0 } as const;

  it("does nothing where it is not worth while", async () => {
    const ran = await play("containInBulk", { batches: 1 });
    expect(ran.calls).toEqual(["moveInBulk"]);
  });

  it("goes from piece to piece, waits as told, and begins anew after twenty-five", async () => {
    const moveInBulk = (_: object, nth: number): object => (nth < 30 ? { next: cursor, waitMs: 1_000 } : {});
    const ran = await play("containInBulk", { batches: 1 }, { moveInBulk });
    expect(ran.calls).toHaveLength(31);
    expect(ran.executions).toHaveLength(2);
    expect(ran.endedAt - START).toBeGreaterThanOrEqual(30_000);
    expectGolden("containInBulk", "thirty-pieces", ran);
  });
});

describe("containOthers", () => {
  const fleet = { batches: 2, pace: { pollMs: 10_000, recheckMs: 300_000, deadline: START + 60_000 }, groups: false };
  const more = (batches: number): Parameters<typeof play>[2] => ({
    cutOthers: (_, nth) => ({ batches: nth === 0 ? batches - 1 : batches }),
  });

  it("contains what DPS shows before it takes an inventory, then what the hubs show, and proves both", async () => {
    const ran = await play("containOthers", fleet, more(4));
    const at = (call: string): number => ran.calls.indexOf(call);
    expect(at("confirmContained#2")).toBeLessThan(at("takeInventory"));
    expect(at("takeInventory")).toBeLessThan(at("confirmContained#3"));
    expect(at("confirmContained#3")).toBeLessThan(at("noteExamination"));
    const after = ran.calls.slice(at("noteExamination"));
    expect(after).toEqual(expect.arrayContaining(["proveBatch#2", "proveBatch#3", "treatModules#2", "treatModules#3"]));
    expect(ran.calls).not.toContain("proveBatch#1");
    expect(ran.calls).not.toContain("treatModules#1");
    expectGolden("containOthers", "one-batch-each", ran);
  });

  it("waits for a person where nobody answers for the alert, and contains then", async () => {
    const holdOthers = { heldBack: { devices: 3, planHash: PLAN_HASH, fromBatch: 2 } };
    const ran = await play("containOthers", fleet, { ...more(3), holdOthers });
    expect(ran.calls.indexOf("admitHeldBack#2")).toBeGreaterThan(ran.calls.indexOf("readControl"));
    expect(ran.calls.lastIndexOf("confirmContained#2")).toBeGreaterThan(ran.calls.indexOf("admitHeldBack#2"));
  });

  it("says so where no inventory can be had, and goes on", async () => {
    const ran = await play("containOthers", fleet, {
      cutOthers: { batches: 2 },
      takeInventory: () => new Unavailable(),
    });
    expect(ran.calls.slice(-1)).toEqual(["noteExamination"]);
    expect(ran.error).toBeUndefined();
  });
});

describe("openOthers", () => {
  it("goes from piece to piece and begins anew after forty, then opens the batches behind the others", async () => {
    const gatherOthers = (_: object, nth: number): object => ({ devices: 1, ...(nth < 50 ? { next: `${nth}` } : {}) });
    const place = { at: "dps", groups: true, batches: 3 };
    const ran = await play("openOthers", place, { gatherOthers, cutOthers: { batches: 5 } });
    expect(ran.calls.filter((call) => call === "gatherOthers")).toHaveLength(51);
    expect(ran.executions).toHaveLength(2);
    expect(ran.calls.slice(-2)).toEqual(["cutOthers", "openBatches"]);
    expect(ran.output).toEqual({ batches: 5 });
    expectGolden("openOthers", "fifty-pieces", ran);
  });

  it("opens nothing where nobody was found", async () => {
    const ran = await play("openOthers", { at: "hubs", groups: false, batches: 1 });
    expect(ran.calls).toEqual(["gatherOthers", "cutOthers"]);
  });
});
