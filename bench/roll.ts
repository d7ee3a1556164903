import { cpus } from "node:os";
import type { Bench } from "./bench";
import { benchAppDir } from "./bench-app";
import type { HubTier } from "../lab/iot-hub/quotas";
import type { Playbook } from "./roll/fleets";
import { scaleFor, type Variant } from "./roll/limit";
import { measureRoll, type RunResult } from "./roll/measure";
import { measureNaive } from "./roll/naive";
import { readRollOptions, rollHelp, type RollBenchOptions } from "./roll/options";
import type { RunOptions } from "./roll/run-options";
import { runReport, detailReport, summaryTable, type Naive } from "./roll/report";

/** Naive orchestrations that are measured: per device they cost the same however many there are. */
const NAIVE_AT_MOST = 1_000;

/** Whole rolls against the quotas of Azure: how near to what they allow, and at what price. */
export const roll: Bench = {
  name: "roll",
  summary: "each playbook on S1 and S3, quotas on: pace, throttling, storage operations, turns, exposure",
  help: rollHelp,
  async run(print, args = []) {
    const options = readRollOptions(args);
    print(`${cpus().length} cores, ${cpus()[0]?.model ?? "?"}, Node ${process.version}; everything on this machine`);
    const naive = options.naive ? await naiveOf(options, print) : undefined;
    const runs: RunResult[] = [];
    for (const playbook of options.playbooks)
      for (const tier of options.tiers) {
        const run = runOptions(options, playbook, tier, print);
        print("");
        print(
          `${playbook}, ${run.devices} devices, ${tier} with ${run.scale} units, DPS ${run.scale} × 1,000 a minute`,
        );
        const result = await measureRoll(run).catch((error: unknown) => {
          print(`  failed: ${String(error)}`);
          return undefined;
        });
        if (result === undefined) continue;
        runs.push(result);
        for (const line of runReport(result, naive)) print(line);
        if (options.details) for (const line of detailReport(result)) print(line);
      }
    print("");
    for (const line of summaryTable(runs, naive)) print(line);
  },
};

async function naiveOf({ devices }: RollBenchOptions, print: (line: string) => void): Promise<Naive> {
  const count = Math.min(devices, NAIVE_AT_MOST);
  const cost = await measureNaive(benchAppDir, count);
  const per = (total: number, digits: number): string => (total / count).toFixed(digits);
  print(
    `naive design, ${count} orchestrations of six empty activities: ${per(cost.turns, 1)} turns, ` +
      `${per(cost.cpuMs, 1)} ms CPU per device`,
  );
  return { devices: count, cost };
}

function runOptions(
  { devices, scale, pace, quotaPercent, assignCounts }: RollBenchOptions,
  playbook: Playbook,
  tier: HubTier,
  print: (line: string) => void,
): RunOptions {
  const factor = scale ?? scaleFor(expected(playbook, tier), tier, pace, quotaPercent / 100);
  const patienceSeconds = 900 + (devices * 10) / pace;
  return { playbook, tier, devices, scale: factor, quotaPercent, assignCounts, patienceSeconds, print };
}

/** The registry of an S1 is so slow that the app takes an import job for all but the smallest fleets. */
function expected(playbook: Playbook, tier: HubTier): Variant {
  return playbook === "group-breach" && tier !== "S3" ? "group-breach-in-bulk" : playbook;
}
