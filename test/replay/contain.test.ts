import { expectGolden, play, START, Unavailable } from "./playbook";

const round = ["closeAtDps#0", "holdAtHub#0", "releaseHold#0", "confirmContained#0"];
const rounds = (n: number): string[] => Array.from({ length: n }, () => round).flat();
const fleet = { batches: 20, next: 0 };

describe("containFleet", () => {
  it("contains every batch, in twelve lanes", async () => {
    const ran = await play("containFleet", fleet);
    expect(ran.executions).toHaveLength(1);
    const children = ran.executions.map(({ history }) => history.filter(({ EventType }) => EventType === 7).length);
    expect(children).toEqual([12]);
    const closed = ran.calls.filter((call) => call.startsWith("closeAtDps"));
    expect(closed.sort()).toEqual(Array.from({ length: 20 }, (_, batch) => `closeAtDps#${batch}`).sort());
    expect(ran.output).toEqual({});
    expectGolden("containFleet", "two-rounds", ran);
  });

  it("does nothing for no batches", async () => {
    const ran = await play("containFleet", { batches: 0, next: 0 });
    expect(ran).toMatchObject({ calls: [], output: {} });
    expectGolden("containFleet", "nothing", ran);
  });

  it("fails with a batch that fails, so that the roll is started again", async () => {
    const ran = await play(
      "containFleet",
      { batches: 2, next: 0 },
      {
        holdAtHub: () => {
          throw new Error("a bug");
        },
      },
    );
    expect(ran.error).toContain("containLane");
  });
});

describe("containLane", () => {
  const closed = (calls: readonly string[]): string[] => calls.filter((call) => call.startsWith("closeAtDps"));

  it("contains its own batches one after another", async () => {
    const ran = await play("containLane", { batches: 8, next: 1, stride: 3 });
    expect(ran.calls).toEqual([1, 4, 7].flatMap((batch) => round.map((step) => step.replace("#0", `#${batch}`))));
    expectGolden("containLane", "three-batches", ran);
  });

  it("starts anew after twenty-five", async () => {
    const ran = await play("containLane", { batches: 100, next: 2, stride: 3 });
    expect(ran.executions.map(({ input }) => input)).toMatchObject([{ next: 2 }, { next: 77 }]);
    expect(closed(ran.calls)).toEqual(Array.from({ length: 33 }, (_, n) => `closeAtDps#${2 + 3 * n}`));
  });
});

describe("containBatch", () => {
  it("closes DPS first, then holds, waits, releases and confirms", async () => {
    const ran = await play("containBatch", { batch: 0 });
    expect(ran.calls).toEqual(round);
    // Four activities of 50 ms, and the hold counted from the write.
    expect(ran.endedAt - START).toBe(50 + 500 + 100);
    expectGolden("containBatch", "one-round", ran);
  });

  it("releases nothing before the hold is over", async () => {
    const releases: number[] = [];
    await play(
      "containBatch",
      { batch: 0 },
      {
        holdAtHub: { held: 1, pending: 0, readyAt: START + 180_000 },
        releaseHold: (_input, _nth, now) => {
          releases.push(now);
          return { released: 1, pending: 0 };
        },
      },
    );
    expect(releases).toEqual([START + 180_000]);
  });

  it.each([
    ["dps-open", { closeAtDps: (_i: object, nth: number) => ({ closed: 2, open: nth === 0 ? 1 : 0 }) }],
    [
      "hub-pending",
      { holdAtHub: (_i: object, nth: number, now: number) => ({ held: 2, pending: nth === 0 ? 1 : 0, readyAt: now }) },
    ],
    ["release-pending", { releaseHold: (_i: object, nth: number) => ({ released: 2, pending: nth === 0 ? 1 : 0 }) }],
    [
      "exposed",
      { confirmContained: (_i: object, nth: number) => ({ contained: 2, exposed: nth === 0 ? 1 : 0, unconfirmed: 0 }) },
    ],
  ])("takes another round while something is %s", async (scenario, scripts) => {
    const ran = await play("containBatch", { batch: 0 }, scripts);
    expect(ran.calls).toEqual(rounds(2));
    expectGolden("containBatch", scenario, ran);
  });

  it("cuts the hubs in the same round in which DPS could not be closed", async () => {
    const { calls } = await play(
      "containBatch",
      { batch: 0 },
      {
        closeAtDps: (_input, nth) => ({ closed: 0, open: nth < 3 ? 3 : 0 }),
      },
    );
    expect(calls.slice(0, 2)).toEqual(["closeAtDps#0", "holdAtHub#0"]);
    expect(calls).toEqual(rounds(4));
  });

  it("waits out a step that cannot work now, as long as the service wishes, and goes on with that step", async () => {
    const asked: number[] = [];
    const ran = await play(
      "containBatch",
      { batch: 0 },
      {
        closeAtDps: (_input, nth, now) => {
          asked.push(now);
          return nth < 2 ? new Unavailable(nth === 0 ? 30_000 : undefined) : { closed: 3, open: 0 };
        },
      },
    );
    expect(ran.calls).toEqual(["closeAtDps#0", "closeAtDps#0", ...round]);
    expect(asked.map((at) => at - START)).toEqual([0, 30_050, 32_100]);
    expectGolden("containBatch", "unavailable", ran);
  });

  it("continues as new after eight rounds, and knows how they went", async () => {
    const ran = await play(
      "containBatch",
      { batch: 0 },
      {
        confirmContained: (_input, nth) => ({ contained: 2, exposed: nth < 9 ? 1 : 0, unconfirmed: 0 }),
      },
    );
    expect(ran.calls).toEqual(rounds(10));
    expect(ran.executions).toHaveLength(2);
    expect(ran.executions[1]?.input).toEqual({
      ...(ran.executions[0]?.input as object),
      progress: { left: 1, idleRounds: 7 },
    });
    expectGolden("containBatch", "continue-as-new", ran);
  });

  /** The time from the end of each round to the begin of the next. */
  async function pauses(exposed: readonly number[]): Promise<number[]> {
    const begins: number[] = [];
    const ends: number[] = [];
    await play(
      "containBatch",
      { batch: 0 },
      {
        closeAtDps: (_input, _nth, now) => {
          begins.push(now);
          return { closed: 3, open: 0 };
        },
        confirmContained: (_input, nth, now) => {
          ends.push(now);
          return { contained: 0, exposed: exposed[nth] ?? 0, unconfirmed: 0 };
        },
      },
    );
    return begins.slice(1).map((begin, at) => Math.round((begin - (ends[at] ?? 0)) / 1_000));
  }

  it("waits longer after each round that got nowhere, a minute at most, also in the executions that follow", async () => {
    expect(await pauses(Array.from({ length: 10 }, () => 3))).toEqual([2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
  });

  it("is quick again after a round that got somewhere", async () => {
    expect(await pauses([3, 3, 3, 2, 2, 1])).toEqual([2, 4, 8, 2, 4, 2]);
  });

  it("tells devices that are to change over by themselves before it holds what is left", async () => {
    const ran = await play("containBatch", { batch: 0, moves: true }, {});
    expect(ran.calls).toEqual(["closeAtDps#0", "tellToMove#0", "holdAtHub#0", "releaseHold#0", "confirmContained#0"]);
    expectGolden("containBatch", "moves", ran);
  });
});

describe("treatResidue", () => {
  it("goes through the fleet a window at a time, each with an empty history", async () => {
    const ran = await play("treatResidue", { batches: 12, next: 0 });
    expect(ran.calls).toEqual(Array.from({ length: 12 }, (_, batch) => `treatModules#${batch}`));
    expect(ran.executions).toHaveLength(2);
    expectGolden("treatResidue", "twelve-batches", ran);
  });

  it("asks again for a batch whose hub is silent, and leaves it after five tries", async () => {
    const treatModules = ({ batch }: { batch?: number | undefined }): object => ({ open: batch === 1 ? 3 : 0 });
    const ran = await play("treatResidue", { batches: 2, next: 0 }, { treatModules });
    expect(ran.calls).toEqual(["treatModules#0", ...Array.from({ length: 5 }, () => "treatModules#1")]);
    expect(ran.endedAt - START).toBeLessThan(90_000);
  });
});
