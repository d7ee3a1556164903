import type { Action, Execution } from "../support/replay";
import { play, START } from "./playbook";

// A hundred thousand devices on the virtual clock: what Durable keeps of a roll stays small, whatever the fleet's size.

const DEVICES = 100_000;
const BATCHES = Math.ceil(DEVICES / 90);
const WAVES = [
  { first: 0, batches: 1 },
  { first: 1, batches: 111 },
  { first: 112, batches: BATCHES - 112 },
];
const pace = { pollMs: 10_000, recheckMs: 300_000, watchMs: 60_000, deadline: START + 30 * 3_600_000 };

const scripts = {
  gatherTargets: (_given: object, nth: number) =>
    nth < DEVICES / 5_000 - 1 ? { devices: 5_000, next: `${(nth + 1) * 5_000}` } : { devices: 5_000 },
  cutTargets: { devices: DEVICES, batches: BATCHES, waves: WAVES.length },
  openBatches: (_given: object, nth: number) => ((nth + 1) * 16 < BATCHES ? { next: (nth + 1) * 16 } : {}),
  readCourse: { batches: BATCHES, waves: WAVES.length, pace, csr: false, stage: true, retire: "all-proven" },
  readWave: ({ wave = 0 }: { readonly wave?: number | undefined }) => ({
    firstBatch: WAVES[wave]?.first ?? 0,
    batches: WAVES[wave]?.batches ?? 0,
    gate: "auto",
  }),
  dueBatches: ({ from = 0, to = 0 }: { readonly from?: number | undefined; readonly to?: number | undefined }) => {
    const end = Math.min(from + 16, to);
    const batches = Array.from({ length: Math.max(0, end - from) }, (_, at) => from + at);
    return { batches, ...(end < to ? { next: end } : {}) };
  },
  listWaiting: ({ from = 0 }: { readonly from?: number | undefined }) => {
    const end = Math.min(from + 12, BATCHES);
    const batches = Array.from({ length: Math.max(0, end - from) }, (_, at) => from + at);
    return { batches, ...(end < BATCHES ? { next: end } : {}) };
  },
  releaseClaims: (_given: object, nth: number) => ((nth + 1) * 16 < BATCHES ? { next: (nth + 1) * 16 } : {}),
};

/** The largest of each kind, over all executions of a roll. */
class Sizes {
  executions = 0;
  events = 0;
  historyBytes = 0;
  children = 0;
  payloadBytes = 0;
  inputBytes = 0;
  orchestrators = new Set<string>();

  readonly observe = (name: string, { history, actions, input }: Execution): void => {
    this.executions += 1;
    this.orchestrators.add(name);
    this.events = Math.max(this.events, history.length);
    this.historyBytes = Math.max(this.historyBytes, JSON.stringify(history).length);
    this.inputBytes = Math.max(this.inputBytes, JSON.stringify(input).length);
    for (const action of actions) this.children = Math.max(this.children, partsOf(action));
    for (const event of history)
      for (const text of [event["Input"], event["Result"]])
        if (typeof text === "string") this.payloadBytes = Math.max(this.payloadBytes, Buffer.byteLength(text));
  };
}

function partsOf(action: Action): number {
  const parts = action["compoundActions"];
  return Array.isArray(parts) ? parts.length : 1;
}

describe.each(["individualBreach", "groupBreach", "individualExpiry", "groupExpiry"])(
  "%s over 100,000 devices",
  (name) => {
    it("keeps histories, fan-outs and payloads small, and its status empty", async () => {
      const sizes = new Sizes();
      const ran = await play(name, {}, scripts, { observe: sizes.observe, mostExecutions: 1_000 });
      expect(ran.error).toBeUndefined();
      const worked = new Set(ran.calls.flatMap((call) => /^(?:holdAtHub|dispatchBatch)#(\d+)$/.exec(call)?.[1] ?? []));
      expect(worked.size).toBe(BATCHES);
      // Measured, with room: a turn replays its whole history, so that these bound what one turn costs.
      expect(sizes.events).toBeLessThan(700);
      expect(sizes.historyBytes).toBeLessThan(150_000);
      expect(sizes.children).toBeLessThanOrEqual(90);
      expect(sizes.payloadBytes).toBeLessThanOrEqual(2_048);
      expect(sizes.inputBytes).toBeLessThanOrEqual(2_048);
    }, 180_000);
  },
);
