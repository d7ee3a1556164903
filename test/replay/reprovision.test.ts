import { expectGolden, play, START } from "./playbook";

const MINUTE = 60_000;
const course = {
  batches: 4,
  waves: 2,
  pace: { pollMs: 10_000, recheckMs: 5 * MINUTE, watchMs: MINUTE, deadline: START + 15 * MINUTE },
  csr: false,
  stage: true,
  retire: "all-proven",
};
const twoWaves = {
  readCourse: course,
  readWave: ({ wave }: { wave?: number | undefined }) =>
    wave === 0 ? { firstBatch: 0, batches: 1, gate: "auto" } : { firstBatch: 1, batches: 3, gate: "approval" },
  dueBatches: { batches: [] },
};
const timersOf = (ran: Awaited<ReturnType<typeof play>>): number =>
  ran.executions.flatMap(({ actions }) => actions).filter(({ actionType }) => actionType === 5).length;

/** What each call of an activity was given, in order. */
function given(): { readonly seen: object[]; readonly note: (input: object) => void } {
  const seen: object[] = [];
  return { seen, note: (input) => seen.push(input) };
}

describe("reprovisionFleet", () => {
  it("goes wave by wave, then once more over everything", async () => {
    const { seen, note } = given();
    const dueBatches = (input: object): object => {
      note(input);
      return { batches: [] };
    };
    const ran = await play("reprovisionFleet", {}, { ...twoWaves, dueBatches });
    expect(ran.output).toEqual({ ended: "all-done" });
    // Stragglers of earlier waves are taken along.
    expect(seen).toMatchObject([
      { from: 0, to: 1, all: false },
      { from: 0, to: 4, all: false },
      { from: 0, to: 4, all: false },
    ]);
    expectGolden("reprovisionFleet", "two-waves", ran);
  });

  it("begins no wave that a person has yet to approve", async () => {
    const control: object[] = [];
    const ran = await play(
      "reprovisionFleet",
      {},
      {
        ...twoWaves,
        readControl: (_input, nth) => {
          control.push({ nth });
          return nth === 0 || nth > 3
            ? { state: "met", retries: 0, missing: [] }
            : { state: "waiting", retries: 0, missing: ["approved"] };
        },
      },
    );
    expect(ran.calls.slice(0, 12)).toEqual([
      ...["readCourse", "readWave", "readControl", "dueBatches", "weigh"],
      ...["readWave", "readControl", "readControl", "readControl", "readControl", "dueBatches", "weigh"],
    ]);
    expectGolden("reprovisionFleet", "approval", ran);
  });

  it("waits while a wave needs more time, looking when something is due", async () => {
    const ran = await play(
      "reprovisionFleet",
      {},
      {
        ...twoWaves,
        weigh: (_input, nth, now) =>
          nth === 0
            ? { verdict: "wait", failed: 0, waiting: 2, dueAt: 0 }
            : nth === 1
              ? { verdict: "wait", failed: 0, waiting: 1, dueAt: now + MINUTE }
              : { verdict: "go-on", failed: 0, waiting: 0 },
        // While it waits for longer than a poll, the control row is read.
        readControl: ({ wave }, nth) =>
          nth >= 2 && nth < 8 && wave === undefined
            ? { state: "waiting", retries: 0, missing: ["never"] }
            : { state: "met", retries: 0, missing: [] },
      },
    );
    expect(ran.output).toEqual({ ended: "all-done" });
    expect(timersOf(ran)).toBe(1);
    expectGolden("reprovisionFleet", "waits", ran);
  });

  it("brakes, waits for a person, and does not brake again for what that person let pass", async () => {
    const { seen, note } = given();
    const ran = await play(
      "reprovisionFleet",
      {},
      {
        ...twoWaves,
        weigh: (input, nth) => {
          note(input);
          return nth === 0
            ? { verdict: "brake", reason: "too-many-errors", failed: 3, waiting: 0 }
            : { verdict: "go-on", failed: 3, waiting: 0 };
        },
        readControl: (_input, nth) =>
          nth === 1
            ? { state: "waiting", retries: 0, missing: ["notPaused"] }
            : { state: "met", retries: 0, missing: [] },
      },
    );
    expect(ran.calls.filter((call) => call === "brakeRoll")).toHaveLength(1);
    const [first, resumed, nextWave] = seen;
    expect([first, resumed, nextWave]).toMatchObject([
      { wave: 0, forgiven: 0 },
      { wave: 0, forgiven: 3 },
      { wave: 1, forgiven: 0 },
    ]);
    expectGolden("reprovisionFleet", "brake", ran);
  });

  it("ends at once when it is aborted", async () => {
    const readControl = { state: "aborted", retries: 0, missing: [] };
    const ran = await play("reprovisionFleet", {}, { ...twoWaves, readControl });
    expect(ran.output).toEqual({ ended: "aborted" });
    expect(ran.calls).not.toContain("dueBatches");
  });

  it("judges answers while it is paused, begins no wave that waits for approval, and ends at the deadline", async () => {
    const { seen, note } = given();
    const ran = await play(
      "reprovisionFleet",
      { progress: { wave: 1, forgiven: 0, lookAt: START, retries: 0 } },
      {
        ...twoWaves,
        readControl: { state: "waiting", retries: 0, missing: ["notPaused"] },
        dueBatches: (input) => {
          note(input);
          return { batches: [] };
        },
      },
    );
    expect(ran.output).toEqual({ ended: "deadline" });
    // Every five minutes; the wave to come begins with batch 1.
    expect(seen).toMatchObject([
      { from: 0, to: 1, all: false },
      { from: 0, to: 1, all: false },
    ]);
    expect(ran.calls).not.toContain("weigh");
    expectGolden("reprovisionFleet", "paused", ran);
  });

  it("looks at everybody it waits for now and then, and follows a retry at once", async () => {
    const { seen, note } = given();
    const ran = await play(
      "reprovisionFleet",
      {},
      {
        ...twoWaves,
        readCourse: { ...course, waves: 0 },
        dueBatches: (input) => {
          note(input);
          return { batches: [] };
        },
        weigh: { verdict: "wait", failed: 0, waiting: 1 },
        readControl: ({ until }, nth) =>
          until?.["never"] === undefined
            ? { state: "met", retries: 0, missing: [] }
            : { state: nth === 40 ? "retry" : "waiting", retries: nth >= 40 ? 1 : 0, missing: ["never"] },
      },
    );
    expect(ran.output).toEqual({ ended: "deadline" });
    expect(seen.slice(0, 3)).toMatchObject([{ all: false }, { all: true }, { all: false }]);
    expectGolden("reprovisionFleet", "stragglers", ran);
  });

  it("continues as new with all it has to know", async () => {
    const ran = await play(
      "reprovisionFleet",
      {},
      {
        ...twoWaves,
        weigh: (_input, nth) => ({ verdict: nth < 10 ? "wait" : "go-on", failed: 0, waiting: 1, dueAt: 0 }),
      },
    );
    expect(ran.executions).toHaveLength(2);
    expect(ran.executions[1]?.input).toMatchObject({ progress: { wave: 0, forgiven: 0, retries: 0 } });
    expectGolden("reprovisionFleet", "continue-as-new", ran);
  });
});

describe("reprovisionWave", () => {
  it("works through what is due, window by window", async () => {
    const ran = await play(
      "reprovisionWave",
      { from: 0, to: 900, all: false },
      {
        dueBatches: ({ from }) => (from === 0 ? { batches: [0, 7], next: 8 } : { batches: [20] }),
      },
    );
    expect(ran.calls.filter((call) => call.startsWith("dispatchBatch"))).toEqual([
      "dispatchBatch#0",
      "dispatchBatch#7",
      "dispatchBatch#20",
    ]);
    expectGolden("reprovisionWave", "two-windows", ran);
  });

  it("continues as new after five windows", async () => {
    const ran = await play(
      "reprovisionWave",
      { from: 0, to: 900, all: true },
      {
        dueBatches: ({ from = 0 }) => (from < 70 ? { batches: [from], next: from + 10 } : { batches: [] }),
      },
    );
    expect(ran.executions).toHaveLength(2);
    expect(ran.executions[1]?.input).toMatchObject({ from: 50, to: 900, all: true });
    expectGolden("reprovisionWave", "continue-as-new", ran);
  });
});

describe("reprovisionBatch", () => {
  it("stages, looks, dispatches and proves", async () => {
    const ran = await play("reprovisionBatch", { batch: 2 });
    expect(ran.calls).toEqual(["readCourse", "stageBatch#2", "proveChange#2", "dispatchBatch#2", "proveChange#2"]);
    expectGolden("reprovisionBatch", "at-once", ran);
  });

  it("asks for certificate requests first where devices make their own keys, and stages nothing for groups", async () => {
    const ran = await play("reprovisionBatch", { batch: 2 }, { readCourse: { ...course, csr: true, stage: false } });
    expect(ran.calls).toEqual(["readCourse", "requestCsrs#2", "proveChange#2", "dispatchBatch#2", "proveChange#2"]);
    expectGolden("reprovisionBatch", "csr", ran);
  });

  it("stays with the batch for as long as answers may come quickly, and no longer", async () => {
    const ran = await play("reprovisionBatch", { batch: 0 }, { proveChange: { proven: 2, inFlight: 1 } });
    expect(ran.endedAt - START).toBeGreaterThanOrEqual(MINUTE);
    expect(ran.endedAt - START).toBeLessThan(MINUTE + 5_000);
    expectGolden("reprovisionBatch", "slow-device", ran);
  });

  it("waits for the quota, without holding an activity", async () => {
    const ran = await play(
      "reprovisionBatch",
      { batch: 0 },
      {
        dispatchBatch: (_input, nth, now) =>
          nth === 0 ? { sent: 0, held: false, wait: { until: now + 20_000 } } : { sent: 3, held: false },
      },
    );
    expect(ran.calls.filter((call) => call === "dispatchBatch#0")).toHaveLength(2);
    expect(timersOf(ran)).toBe(1);
    expectGolden("reprovisionBatch", "quota", ran);
  });

  it("continues as new while it watches, and dispatches nothing again", async () => {
    const ran = await play(
      "reprovisionBatch",
      { batch: 0 },
      {
        readCourse: { ...course, pace: { ...course.pace, pollMs: 1_000 } },
        proveChange: (_input, nth) => ({ proven: 1, inFlight: nth < 30 ? 1 : 0 }),
      },
    );
    expect(ran.executions).toHaveLength(2);
    expect(ran.calls.filter((call) => call === "dispatchBatch#0")).toHaveLength(1);
    expectGolden("reprovisionBatch", "continue-as-new", ran);
  });
});

describe("planFleet", () => {
  it("plans window by window, and asks again where entries could not be read", async () => {
    const ran = await play(
      "planFleet",
      { batches: 9, next: 0 },
      {
        planExpiry: ({ batch }, nth) => ({ planned: 1, refused: 0, open: batch === 3 && nth < 10 ? 1 : 0 }),
      },
    );
    expect(ran.calls.filter((call) => call === "planExpiry#3").length).toBeGreaterThan(1);
    expect(ran.calls.filter((call) => call === "planExpiry#4")).toHaveLength(1);
    expect(ran.executions).toHaveLength(2);
    expectGolden("planFleet", "two-windows", ran);
  });
});

describe("retireFleet", () => {
  it("retires every batch and adds up what came of it", async () => {
    const ran = await play("retireFleet", {}, { readCourse: { ...course, batches: 50 } });
    expect(ran.output).toEqual({ retired: 150, kept: 0, regressed: 0 });
    expect(ran.executions).toHaveLength(2);
    expectGolden("retireFleet", "fifty-batches", ran);
  });

  it("asks again, five times at most, where devices are left over, and counts each batch once", async () => {
    const ran = await play(
      "retireFleet",
      {},
      {
        retireBatch: { retired: 1, kept: 1, open: 1, regressed: 0 },
      },
    );
    expect(ran.calls.filter((call) => call === "retireBatch#0")).toHaveLength(5);
    expect(ran.output).toEqual({ retired: 1, kept: 1, regressed: 0 });
    expectGolden("retireFleet", "left-over", ran);
  });

  it("holds while the roll is paused, and loses no try by it", async () => {
    const paused = { state: "waiting", retries: 0, missing: ["notPaused"] };
    const met = { state: "met", retries: 0, missing: [] };
    const ran = await play(
      "retireFleet",
      {},
      {
        retireBatch: (_input, nth) => ({ retired: nth, kept: 0, open: nth < 4 ? 1 : 0, regressed: 0 }),
        readControl: (_input, nth) => (nth > 1 && nth < 30 ? paused : met),
      },
    );
    expect(ran.calls.filter((call) => call === "retireBatch#0")).toHaveLength(5);
    expect(ran.output).toEqual({ retired: 4, kept: 0, regressed: 0 });
    expectGolden("retireFleet", "paused", ran);
  });

  it("ends before the next write once the roll is aborted, and says what was done until then", async () => {
    const ran = await play(
      "retireFleet",
      {},
      {
        readCourse: { ...course, batches: 50 },
        readControl: (_input, nth) => ({ state: nth < 2 ? "met" : "aborted", retries: 0, missing: [] }),
      },
    );
    expect(ran.calls.filter((call) => call.startsWith("retireBatch"))).toHaveLength(16);
    expect(ran.output).toEqual({ retired: 48, kept: 0, regressed: 0 });
    expectGolden("retireFleet", "aborted", ran);
  });

  it("does nothing where devices have no entries of their own", async () => {
    const ran = await play("retireFleet", {}, { readCourse: { ...course, retire: "never" } });
    expect(ran.calls).toEqual(["readCourse"]);
  });
});

describe("retireDue", () => {
  it("retires what has run out and settles the piece of work last", async () => {
    const ran = await play("retireDue", { key: "retire|x" });
    expect(ran.calls).toEqual(["readCourse", "readControl", "retireBatch#0", "settleDue"]);
    expectGolden("retireDue", "one-batch", ran);
  });
});

describe("retireAuthorityDue", () => {
  it("takes the old CA out of the group and out of DPS, and settles the piece of work last", async () => {
    const ran = await play("retireAuthorityDue", { key: "retire-ca|x" });
    expect(ran.calls).toEqual([
      ...["reclaimTrust", "dropAuthority", "countLeaning", "deleteAuthority"],
      ...["releaseTrust", "settleDue"],
    ]);
    expectGolden("retireAuthorityDue", "retired", ran);
  });

  it("writes nothing while another roll works on the group", async () => {
    const ran = await play("retireAuthorityDue", { key: "retire-ca|x" }, { reclaimTrust: { mine: false } });
    expect(ran.calls).toEqual(["reclaimTrust", "settleDue"]);
  });

  it("deletes nothing that could not leave the group", async () => {
    const dropAuthority = { outcome: "refused", code: "old-not-expired" };
    const ran = await play("retireAuthorityDue", { key: "retire-ca|x" }, { dropAuthority });
    expect(ran.calls).toEqual(["reclaimTrust", "dropAuthority", "releaseTrust", "settleDue"]);
  });
});
