import type { OrchestrationContext } from "durable-functions";
import { payloadsOf, turn, turnsOf } from "../support/replay";
import { goldenFiles, orchestrators } from "./playbook";

const files = goldenFiles();

describe("every recorded history", () => {
  it("covers every orchestrator", () => {
    expect(new Set(files.map(({ golden }) => golden.orchestrator))).toEqual(new Set(Object.keys(orchestrators)));
  });

  it.each(files)("$name is replayed to the same actions, turn by turn and twice", async ({ golden }) => {
    const handler = orchestrators[golden.orchestrator];
    if (handler === undefined) throw new Error(`${golden.orchestrator} is gone, but instances of it may be running`);
    for (const { input, history, actions, output } of golden.executions) {
      const turns = turnsOf(history);
      expect(turns.length).toBeGreaterThan(0);
      for (const [at, soFar] of turns.entries()) {
        const state = await turn(handler, soFar, input);
        const asked = state.actions.flat();
        expect(asked).toEqual(actions.slice(0, asked.length));
        expect(await turn(handler, soFar, input)).toEqual(state);
        const last = at === turns.length - 1;
        expect(state.isDone).toBe(last);
        if (last) expect({ asked, output: state.output }).toEqual({ asked: actions, output });
      }
    }
  });

  it.each(files)("$name carries at most 2 KB in or out of an activity, and no certificate", ({ golden }) => {
    const payloads = golden.executions.flatMap(payloadsOf);
    expect(Math.max(0, ...payloads.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(2_048);
    expect(payloads.join("\n")).not.toMatch(/BEGIN|PRIVATE/);
  });

  it("would not be replayed to the same actions by an orchestrator with a renamed activity", async () => {
    const execution = files.find(({ name }) => name.includes("containBatch-one-round"))?.golden.executions[0];
    const turns = turnsOf(execution?.history ?? []);
    const renamed = function* (ctx: OrchestrationContext) {
      yield ctx.df.callActivity("closeAtDpsInstead", ctx.df.getInput());
    };
    const state = await turn(renamed, turns[0] ?? [], execution?.input);
    expect(state.actions.flat()).toHaveLength(1);
    expect(state.actions.flat()).not.toEqual(execution?.actions.slice(0, 1));
  });
});
