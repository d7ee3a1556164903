import { expectGolden, play, START } from "./playbook";

const wait = { until: { notPaused: true }, pollMs: 60_000 };
const waiting = { state: "waiting", retries: 0, missing: ["notPaused"] };
const met = { state: "met", retries: 0, missing: [] };
const timersOf = (ran: Awaited<ReturnType<typeof play>>): number =>
  ran.executions.flatMap(({ actions }) => actions).filter(({ actionType }) => actionType === 5).length;

describe("waitUntil", () => {
  it("ends at the first look, without a timer, if nothing is missing", async () => {
    const ran = await play("waitUntil", wait);
    expect(ran.output).toEqual({ reason: "met", retries: 0 });
    expect(ran.calls).toEqual(["readControl"]);
    expect(timersOf(ran)).toBe(0);
    expectGolden("waitUntil", "met-at-once", ran);
  });

  it("looks again every pollMs, and ends as soon as the conditions hold", async () => {
    const ran = await play("waitUntil", wait, { readControl: (_input, nth) => (nth < 3 ? waiting : met) });
    expect(ran.output).toEqual({ reason: "met", retries: 0 });
    expect(ran.endedAt - START).toBe(3 * 60_000 + 4 * 50);
    expectGolden("waitUntil", "polls", ran);
  });

  it.each(["aborted", "retry"] as const)("ends as %s when the control row says so", async (state) => {
    const ran = await play("waitUntil", wait, {
      readControl: (_input, nth) => (nth === 0 ? waiting : { ...waiting, state, retries: 2 }),
    });
    expect(ran.output).toEqual({ reason: state, retries: 2 });
    expectGolden("waitUntil", state, ran);
  });

  it("ends at the deadline, not a pause later, after one last look", async () => {
    const deadline = START + 90_000;
    const ran = await play("waitUntil", { ...wait, deadline }, { readControl: waiting });
    expect(ran.output).toEqual({ reason: "deadline", retries: 0 });
    expect(ran.endedAt).toBe(deadline + 50);
    expect(ran.calls).toHaveLength(3);
    expectGolden("waitUntil", "deadline", ran);
  });

  it("goes on if the conditions hold at the last look, though the deadline has come", async () => {
    const ran = await play("waitUntil", { ...wait, deadline: START });
    expect(ran.output).toMatchObject({ reason: "met" });
  });

  it("continues as new after forty looks with all that it was told", async () => {
    const told = { ...wait, retriesSeen: 3, deadline: START + 86_400_000 };
    const ran = await play("waitUntil", told, { readControl: (_input, nth) => (nth < 95 ? waiting : met) });
    expect(ran.executions).toHaveLength(3);
    expect(ran.executions[2]?.input).toEqual(ran.executions[0]?.input);
    expect(ran.executions[2]?.input).toMatchObject(told);
    expect(ran.calls).toHaveLength(96);
    expectGolden("waitUntil", "continue-as-new", ran);
  });

  it("gives the retries that it has seen to the look", async () => {
    const ran = await play("waitUntil", { ...wait, retriesSeen: 3 });
    expect(ran.executions[0]?.actions[0]).toMatchObject({ functionName: "readControl", input: { retriesSeen: 3 } });
  });
});
