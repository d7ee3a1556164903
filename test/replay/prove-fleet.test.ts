import { expectGolden, play, START } from "./playbook";

const pace = { pollMs: 10_000, recheckMs: 60_000, deadline: START + 3_600_000 };
const one = { batches: 1, pace, nextRecheckAt: 0 };
const open = { open: 1, proven: 2, broken: 0 };
const done = { open: 0, proven: 3, broken: 0 };
const timersOf = (ran: Awaited<ReturnType<typeof play>>): number =>
  ran.executions.flatMap(({ actions }) => actions).filter(({ actionType }) => actionType === 5).length;

describe("proveFleet", () => {
  it("ends at the first look if every device is proven", async () => {
    const ran = await play("proveFleet", { ...one, batches: 3 });
    expect(ran.calls).toEqual(["readControl", "proveBatch#0", "proveBatch#1", "proveBatch#2"]);
    expect(timersOf(ran)).toBe(0);
    expectGolden("proveFleet", "all-at-once", ran);
  });

  it("looks again after a pause while a device is open", async () => {
    const ran = await play("proveFleet", one, { proveBatch: (_input, nth) => (nth < 3 ? open : done) });
    expect(ran.calls).toEqual(Array.from({ length: 4 }, () => ["readControl", "proveBatch#0"]).flat());
    expect(ran.endedAt - START).toBe(3 * 10_000 + 8 * 50);
    expectGolden("proveFleet", "polls", ran);
  });

  it("reads contained devices again when it is time, and contains what is broken, that batch alone", async () => {
    const scripts = {
      proveBatch: (_input: object, nth: number) => (nth < 20 ? open : done),
      recheckContained: ({ batch }: { batch?: number | undefined }) => ({ broken: batch === 1 ? 1 : 0 }),
    };
    const ran = await play("proveFleet", { ...one, batches: 2 }, scripts);
    const first = ran.calls.indexOf("recheckContained#0");
    expect(ran.calls.slice(first - 4, first + 6)).toEqual([
      ...["closeAtDps#0", "closeAtDps#1", "releaseHold#0", "releaseHold#1", "recheckContained#0", "recheckContained#1"],
      ...["closeAtDps#1", "holdAtHub#1", "releaseHold#1", "confirmContained#1"],
    ]);
    expect(ran.calls).not.toContain("holdAtHub#0");
    expectGolden("proveFleet", "broken-at-recheck", ran);
  });

  it("contains at once where a look itself shows that a session survived", async () => {
    const ran = await play("proveFleet", one, {
      proveBatch: (_input, nth) => (nth === 0 ? { open: 1, proven: 2, broken: 1 } : done),
    });
    expect(ran.calls).toEqual([
      ...["readControl", "proveBatch#0"],
      ...["closeAtDps#0", "holdAtHub#0", "releaseHold#0", "confirmContained#0"],
      ...["readControl", "proveBatch#0"],
    ]);
    expectGolden("proveFleet", "session-survived", ran);
  });

  it("looks again after it has contained anew, though no device was open", async () => {
    const ran = await play("proveFleet", one, {
      proveBatch: (_input, nth) => (nth === 0 ? { open: 0, proven: 2, broken: 1 } : done),
    });
    expect(ran.calls.filter((call) => call === "proveBatch#0")).toHaveLength(2);
  });

  it("ends at the deadline, not a pause later, whatever is open", async () => {
    const deadline = START + 25_000;
    const ran = await play("proveFleet", { ...one, pace: { ...pace, deadline } }, { proveBatch: open });
    expect(ran.endedAt).toBe(deadline + 100);
    expect(ran.calls.filter((call) => call === "proveBatch#0")).toHaveLength(4);
    expectGolden("proveFleet", "deadline", ran);
  });

  it("ends within a pause of an abort, whatever is open", async () => {
    const ran = await play("proveFleet", one, {
      proveBatch: open,
      readControl: (_input, nth) => ({ state: nth < 2 ? "met" : "aborted", retries: 0, missing: [] }),
    });
    expect(ran.calls).toEqual([...["readControl", "proveBatch#0", "readControl", "proveBatch#0"], "readControl"]);
    expect(ran.endedAt - START).toBe(2 * 10_000 + 5 * 50);
    expectGolden("proveFleet", "aborted", ran);
  });

  it("has a replacement judged again at the next look where only a read had failed", async () => {
    const ran = await play(
      "proveFleet",
      { ...one, batches: 2 },
      {
        proveBatch: ({ batch }, nth) => (nth >= 4 ? done : batch === 1 && nth < 2 ? { ...open, unread: 1 } : open),
      },
    );
    const looks = ran.calls.join(" ").split("readControl ").slice(1);
    expect(looks.map((look) => /closeAtDps#\d/.exec(look)?.[0])).toEqual(["closeAtDps#1", undefined, undefined]);
    expect(ran.calls).not.toContain("recheckContained#1");
  });

  it("reads containment again, and judges replacements again, as soon as somebody asks for another try; once", async () => {
    const ran = await play("proveFleet", one, {
      proveBatch: (_input, nth) => (nth < 4 ? open : done),
      readControl: (_input, nth) => ({ state: "met", retries: nth < 2 ? 0 : 1, missing: [] }),
    });
    const looks = ran.calls.join(" ").split("readControl ").slice(1);
    expect(looks.map((look) => look.includes("closeAtDps#0"))).toEqual([false, false, true, false, false]);
  });

  it("continues as new after some looks and keeps the time of the next recheck", async () => {
    const ran = await play(
      "proveFleet",
      { ...one, pace: { ...pace, recheckMs: 400_000 } },
      {
        proveBatch: (_input, nth) => (nth < 30 ? open : done),
      },
    );
    expect(ran.executions).toHaveLength(2);
    expect(ran.executions[1]?.input).toMatchObject({ nextRecheckAt: START + 400_000 });
    expect(ran.calls).not.toContain("recheckContained#0");
    expectGolden("proveFleet", "continue-as-new", ran);
  });

  it("goes through a large fleet in short executions, past what nothing is waited for", async () => {
    const batches = 1_112;
    const waiting = [3, 90, 91, 500, 1_111];
    let looks = 0;
    const ran = await play(
      "proveFleet",
      { ...one, batches, pace: { ...pace, recheckMs: 15_000 } },
      {
        listWaiting: ({ from = 0 }) => {
          if (from === 0) looks += 1;
          const left = waiting.filter((batch) => batch >= from);
          return { batches: left.slice(0, 2), ...(left[2] === undefined ? {} : { next: left[2] }) };
        },
        proveBatch: () => (looks < 3 ? open : done),
      },
    );
    const proved = ran.calls.filter((call) => call.startsWith("proveBatch"));
    expect(proved.slice(0, 5)).toEqual(waiting.map((batch) => `proveBatch#${batch}`));
    // One look reads containment again, everywhere; the others see five batches.
    expect(new Set(ran.calls.filter((call) => call.startsWith("recheckContained"))).size).toBe(batches);
    for (const { actions, history } of ran.executions) {
      const called = JSON.stringify(actions).split('"functionName"').length - 1;
      expect(called).toBeLessThanOrEqual(100);
      expect(JSON.stringify(history).length).toBeLessThan(120_000);
    }
  });
});
