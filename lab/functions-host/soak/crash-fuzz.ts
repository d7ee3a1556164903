import { isDeepStrictEqual } from "node:util";
import { join } from "node:path";
import { Engine } from "../engine/engine";
import { undisturbed } from "../engine/engine-context";
import { isFinal } from "../engine/history";
import { Store } from "../engine/store";
import type { FunctionApp } from "../function-app";
import type { DurableJson } from "../host-json";
import { VirtualClock } from "../virtual-clock";
import { randomFrom, shuffle } from "./seeded-random";

/** An orchestration with the events it is sent, in this order. Its output must not depend on who is faster. */
export interface FuzzScenario {
  readonly name: string;
  readonly input?: unknown;
  readonly events?: readonly { readonly name: string; readonly value: unknown }[];
}

export interface FuzzResult {
  /** Transactions the run took; the engine was dropped after each of them. */
  readonly commits: number;
  /** Sentences about what came out otherwise than in the undisturbed run; empty when all is well. */
  readonly differences: readonly string[];
}

const durable: DurableJson = {
  ...{
    hubName: "fuzz",
    defaultVersion: "",
    maxConcurrentActivities: 8,
    maxConcurrentOrchestrators: 8,
    httpPollMs: 1000,
  },
};

type Outputs = ReadonlyMap<string, string>;

/**
 * Runs all scenarios at once, and drops the engine and opens its file anew after every committed transaction, with
 * activities finishing and events arriving in an order drawn from `seed`. Compares with a run that nothing disturbs.
 */
export async function crashFuzz(
  app: FunctionApp,
  scenarios: readonly FuzzScenario[],
  folder: string,
  seed: number,
): Promise<FuzzResult> {
  const expected = await run(app, scenarios, join(folder, `undisturbed-${seed}.db`), seed, false);
  const actual = await run(app, scenarios, join(folder, `fuzz-${seed}.db`), seed, true);
  const differences = [...expected.outputs].flatMap(([id, output]) => {
    const other = actual.outputs.get(id);
    return isDeepStrictEqual(output, other) ? [] : [`${id}: ${output} undisturbed, ${String(other)} with crashes`];
  });
  return { commits: actual.commits, differences };
}

async function run(
  app: FunctionApp,
  scenarios: readonly FuzzScenario[],
  file: string,
  seed: number,
  crashing: boolean,
): Promise<{ readonly outputs: Outputs; readonly commits: number }> {
  const random = randomFrom(seed);
  const clock = new VirtualClock(Date.parse("2026-01-01T00:00:00Z"));
  const shuffled = delayed(app, random);
  const todo = interleaved(scenarios, random);
  const ids = scenarios.map((scenario, index) => instanceId(scenario, index));
  let commits = 0;
  for (;;) {
    const store = Store.open(file, { durable: false });
    let drop: () => void = () => undefined;
    const dropped = new Promise<void>((resolve) => {
      drop = resolve;
    });
    const engine: Engine = new Engine({
      ...{ store, clock, durable, app: shuffled, disturbance: undisturbed },
      guards: { strict: true, probe: false },
      log: () => undefined,
      hooks: {
        afterCommit: () => {
          commits += 1;
          if (!crashing) return;
          void engine.stop();
          drop();
        },
      },
    });
    clock.idle = () => engine.isIdle && todo.length === 0;
    engine.onChange = () => {
      clock.consider();
      if (engine.isIdle) drop();
    };
    engine.start();
    clock.consider();
    // An idle engine gets its next message; a busy one does, now and then, in the middle of its work.
    if (engine.isIdle || random() < 0.3) todo.shift()?.(engine);
    const finished = ids.every((id) => {
      const instance = store.instance(id);
      return instance !== undefined && isFinal(instance.status);
    });
    if (!finished) await dropped;
    await engine.stop();
    const outputs = new Map(
      ids.map((id): [string, string] => [id, JSON.stringify(store.instance(id)?.output ?? null)]),
    );
    store.close();
    if (finished) return { outputs, commits };
  }
}

function instanceId(scenario: FuzzScenario, index: number): string {
  return `${scenario.name}-${index}`;
}

/** Starts and events of all scenarios in one row: each scenario's own in order, the scenarios mixed. */
function interleaved(scenarios: readonly FuzzScenario[], random: () => number): ((engine: Engine) => void)[] {
  const rows = scenarios.map((scenario, index) => {
    const id = instanceId(scenario, index);
    const input = scenario.input === undefined ? null : JSON.stringify(scenario.input);
    const start = (engine: Engine): void => void engine.client.start(scenario.name, { instanceId: id, input });
    const events = (scenario.events ?? []).map(({ name, value }) => (engine: Engine): void => {
      engine.client.raiseEvent(id, name, JSON.stringify(value));
    });
    return [start, ...events];
  });
  const order = shuffle(
    rows.flatMap((row, index) => row.map(() => index)),
    random,
  );
  return order.flatMap((index) => rows[index]?.shift() ?? []);
}

/** The app with answers that come in another order each time. */
function delayed(app: FunctionApp, random: () => number): FunctionApp {
  return {
    get functions() {
      return app.functions;
    },
    invoke: async (invocation) => {
      const answer = await app.invoke(invocation);
      for (let turns = Math.floor(random() * 4); turns > 0; turns--)
        await new Promise((resolve) => setImmediate(resolve));
      return answer;
    },
  };
}
