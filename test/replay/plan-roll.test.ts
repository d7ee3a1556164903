import { expectGolden, PLAN_HASH, play, START } from "./playbook";

const pace = { pollMs: 10_000, recheckMs: 300_000, deadline: START + 60_000 };
const frozen = { planHash: PLAN_HASH, refused: false, approval: false, dryRun: false, pace };
const waiting = { state: "waiting", retries: 0, missing: ["approved"] };

describe("planRoll", () => {
  it("looks at every batch, puts them together, freezes, and goes", async () => {
    const ran = await play("planRoll", { batches: 3 });
    expect(ran.calls).toEqual(["examineBatch#0", "examineBatch#1", "examineBatch#2", "sumExamined", "freezePlan"]);
    expect(ran.output).toEqual({ decision: "go", planHash: PLAN_HASH });
    expectGolden("planRoll", "three-batches", ran);
  });

  it("has a plan for a roll without any device", async () => {
    const ran = await play("planRoll", { batches: 0 }, { freezePlan: { ...frozen, refused: true } });
    expect(ran.calls).toEqual(["freezePlan"]);
    expect(ran.output).toEqual({ decision: "refused", planHash: PLAN_HASH });
  });

  it("keeps its history short, whatever the fleet's size", async () => {
    const ran = await play("planRoll", { batches: 1_000 });
    expect(ran.calls.filter((call) => call.startsWith("examineBatch"))).toHaveLength(1_000);
    expect(ran.calls.filter((call) => call === "sumExamined")).toHaveLength(63);
    for (const { actions } of ran.executions) expect(actions.length).toBeLessThanOrEqual(40);
    expect(ran.output).toEqual({ decision: "go", planHash: PLAN_HASH });
  });

  it("waits for quota with the ticket that it got", async () => {
    const until = START + 5_000;
    const ran = await play(
      "planRoll",
      { batches: 2 },
      {
        examineBatch: ({ batch }: { batch?: number | undefined }, nth: number) =>
          batch === 1 && nth < 2
            ? { examined: 0, wait: { until, ticket: { grantedAt: until, spreadMs: 0 } } }
            : { examined: 3 },
      },
    );
    expect(ran.calls).toEqual([
      ...["examineBatch#0", "examineBatch#1", "examineBatch#1"],
      ...["sumExamined", "freezePlan"],
    ]);
    expectGolden("planRoll", "paced", ran);
  });

  it("begins the page anew where quota was withheld for long", async () => {
    const ran = await play(
      "planRoll",
      { batches: 1 },
      {
        examineBatch: (_input, nth, now) =>
          nth < 30 ? { examined: 0, wait: { until: now + 30_000 } } : { examined: 3 },
      },
    );
    expect(ran.executions).toHaveLength(2);
    expect(ran.output).toMatchObject({ decision: "go" });
  });

  it("waits for an approval of exactly this plan", async () => {
    const asked: unknown[] = [];
    const ran = await play(
      "planRoll",
      { batches: 1 },
      {
        freezePlan: { ...frozen, approval: true },
        readControl: ({ until }, nth) => {
          asked.push(until);
          return nth < 2 ? waiting : { state: "met", retries: 0, missing: [] };
        },
      },
    );
    expect(asked[0]).toEqual({ approved: [{ kind: "plan", planHash: PLAN_HASH }] });
    expect(ran.calls.slice(-5)).toEqual(["freezePlan", "enterPhase", "readControl", "readControl", "readControl"]);
    expect(ran.output).toEqual({ decision: "go", planHash: PLAN_HASH });
    expectGolden("planRoll", "approval", ran);
  });

  it.each([
    ["aborted", { state: "aborted", retries: 0, missing: [] }],
    ["deadline", waiting],
  ])("ends the wait as %s", async (decision, control) => {
    const ran = await play(
      "planRoll",
      { batches: 1 },
      { freezePlan: { ...frozen, approval: true }, readControl: control },
    );
    expect(ran.output).toEqual({ decision, planHash: PLAN_HASH });
    expect(ran.endedAt).toBeLessThan(START + 62_000);
  });

  it("asks nobody where the roll is refused or a dry run", async () => {
    const refused = await play(
      "planRoll",
      { batches: 1 },
      { freezePlan: { ...frozen, approval: true, refused: true } },
    );
    expect(refused.output).toEqual({ decision: "refused", planHash: PLAN_HASH });
    const dry = await play(
      "planRoll",
      { batches: 1 },
      { freezePlan: { ...frozen, approval: true, refused: true, dryRun: true } },
    );
    expect(dry.output).toEqual({ decision: "planned", planHash: PLAN_HASH });
    expect([...refused.calls, ...dry.calls]).not.toContain("enterPhase");
  });
});

/** All that a dry run may ever call: nothing here writes to DPS or a hub. */
const READERS = new Set([
  ...["writeEvidence", "sealEvidence"],
  ...["gatherTargets", "cutTargets", "openBatches", "planExpiry#0", "judgeSuccessor", "readCourse"],
  ...["examineBatch#0", "sumExamined", "freezePlan", "closeRoll", "writeEvidence", "sealEvidence", "releaseClaims"],
]);

describe("rehearseRoll", () => {
  it.each(["individual-breach", "individual-expiry", "group-breach", "group-expiry"])(
    "plans a %s by nothing but reading, and says so",
    async (playbook) => {
      const ran = await play(
        "rehearseRoll",
        { playbook },
        { freezePlan: { ...frozen, dryRun: true }, closeRoll: { outcome: "planned", proven: 0 } },
      );
      expect(ran.calls.filter((call) => !READERS.has(call))).toEqual([]);
      expect(ran.calls).toContain("freezePlan");
      expect(ran.output).toEqual({ outcome: "planned", proven: 0 });
      expectGolden("rehearseRoll", playbook, ran);
    },
  );
});
