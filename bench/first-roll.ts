import { playAlone } from "../lab/scenarios/play";
import { firstRoll as story } from "../lab/scenarios/stories/first-roll";
import type { Bench } from "./bench";

const ROUNDS = 3;

/** The demo's roll, several times: how long stolen keys stay useful, how long all of it takes, and at what price. */
export const firstRoll: Bench = {
  name: "first-roll",
  summary: `25 breached devices of 40, quotas off, a thief at every door; median of ${ROUNDS} rounds`,
  async run(print) {
    const rounds: Round[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const result = await playAlone(story({ devices: 40, breached: 25, offline: 2 }), {
        screen: { print: () => undefined },
      });
      const { exposure, contained, proven, totalMs, firstWriteMs = Number.NaN } = result.timings;
      rounds.push({
        firstWrite: firstWriteMs,
        exposureP50: exposure.p50Ms,
        exposureMax: exposure.maxMs,
        containedMax: contained.maxMs,
        provenMax: proven.maxMs,
        roll: totalMs,
        turnsPerSecond: result.hostTurns / (totalMs / 1000),
        memoryMb: result.peakMemoryMb,
      });
      const red = result.claims.filter(({ holds }) => !holds).map(({ name }) => name);
      print(`round ${round}: ${red.length === 0 ? "every claim holds" : `BROKEN: ${red.join(", ")}`}`);
    }
    const row = (what: string, value: (round: Round) => number, unit: string): void =>
      print(`  ${what.padEnd(52)} ${median(rounds.map(value)).toFixed(0).padStart(6)} ${unit}`);
    print("hold 200 ms, settle 500 ms");
    row("alert -> the first write at DPS or a hub", (round) => round.firstWrite, "ms");
    row("alert -> last use of an old credential, p50", (round) => round.exposureP50, "ms");
    row("alert -> last use of an old credential, max", (round) => round.exposureMax, "ms");
    row("alert -> the last device called contained", (round) => round.containedMax, "ms");
    row("alert -> the last device called proven", (round) => round.provenMax, "ms");
    row("whole roll (two devices come back late)", (round) => round.roll, "ms");
    row("orchestration turns", (round) => round.turnsPerSecond, "per s");
    row("peak memory, all processes", (round) => round.memoryMb, "MB");
  },
};

interface Round {
  readonly firstWrite: number;
  readonly exposureP50: number;
  readonly exposureMax: number;
  readonly containedMax: number;
  readonly provenMax: number;
  readonly roll: number;
  readonly turnsPerSecond: number;
  readonly memoryMb: number;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
