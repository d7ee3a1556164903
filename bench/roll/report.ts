import { leastUses } from "./limit";
import type { RunResult } from "./measure";
import type { HostCost } from "./host-cost";

/** What the naive design took for so many devices. */
export interface Naive {
  readonly devices: number;
  readonly cost: HostCost;
}

/** One run, for a person. `naive`: what it is compared with, if it was measured. */
export function runReport(run: RunResult, naive: Naive | undefined): string[] {
  const { options, limit, roll, storage } = run;
  const per = (count: number): string => (count / options.devices).toFixed(2);
  const storageSum = storage.table + storage.blob + storage.queue;
  const line = (what: string, value: string): string => `  ${what.padEnd(36)} ${value}`;
  return [
    line("ended", `${roll?.phase ?? "?"} ${roll?.outcome ?? ""}: ${states(run)}`),
    line(
      "limit",
      `${limit.devicesPerSecond.toFixed(1)} devices/s by ${limit.binding}, at ${options.quotaPercent} % of the quotas, bursts left out`,
    ),
    line("achieved, bursts left out", `${rate(run.flow)} devices/s`),
    line("achieved/limit (aim 0.95)", share(achieved(run))),
    line(
      "whole roll",
      `${run.tookSeconds.toFixed(0)} s; limit ${(limit.seconds + run.holdSeconds).toFixed(0)} s` +
        (run.holdSeconds > 0 ? ` with a hold of ${run.holdSeconds.toFixed(1)} s` : ""),
    ),
    line("limit/whole roll", share(wholeShare(run))),
    line("uses per device (least)", usesOf(run)),
    line("throttled service calls (aim 0)", `${run.throttledCalls}; device 429s ${run.throttledDevices}${where(run)}`),
    line(
      "storage operations/device (aim 3)",
      `${per(storageSum)}: table ${per(storage.table)}, blob ${per(storage.blob)}, queue ${per(storage.queue)}`,
    ),
    line("host turns/device", `${per(run.host.turns)}${comparedTurns(run, naive)}`),
    line("host and app CPU/device", `${per(run.host.cpuMs)} ms, all work in it${orchestrating(run, naive)}`),
    ...(roll?.exposure === undefined ? [] : [line("exposure p50/p95/max", exposureOf(run))]),
  ];
}

/** All runs, a line each. */
export function summaryTable(runs: readonly RunResult[], naive: Naive | undefined): string[] {
  const head = [
    ...["playbook", "hub", "devices", "limit", "binding", "achieved", "whole", "429 app", "429 dev"],
    ...["storage", "turns", "naive×", "CPU ms", "exposure p50/p95/max"],
  ];
  const rows = runs.map((run) => {
    const { options, limit, storage, host, roll } = run;
    const per = (count: number, digits: number): string => (count / options.devices).toFixed(digits);
    return [
      run.variant,
      `${options.tier}×${options.scale}`,
      String(options.devices),
      `${limit.devicesPerSecond.toFixed(1)}/s`,
      limit.binding,
      share(achieved(run)),
      share(wholeShare(run)),
      String(run.throttledCalls),
      String(run.throttledDevices),
      per(storage.table + storage.blob + storage.queue, 2),
      per(host.turns, 3),
      naive === undefined ? "–" : fewer(run, naive).toFixed(0),
      per(host.cpuMs, 1),
      roll?.exposure === undefined ? "–" : exposureOf(run),
    ];
  });
  return table([head, ...rows]);
}

/** Where the app's storage operations and calls went, per device, the most first. */
export function detailReport({ storageDetails, requests, options }: RunResult): string[] {
  const most = (counts: ReadonlyMap<string, number>): string[] =>
    [...counts]
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a)
      .slice(0, 20)
      .map(([what, count]) => `    ${(count / options.devices).toFixed(3).padStart(8)} ${what}`);
  return [...most(storageDetails), "", ...most(requests)];
}

/** Devices per second through the binding resource, as a share of what its rate allows. */
export function achieved({ flow, limit }: Pick<RunResult, "flow" | "limit">): number | undefined {
  return flow === undefined ? undefined : flow / limit.devicesPerSecond;
}

function wholeShare({ limit, holdSeconds, tookSeconds }: RunResult): number {
  return (limit.seconds + holdSeconds) / tookSeconds;
}

function fewer({ options, host }: RunResult, { devices, cost }: Naive): number {
  return cost.turns / devices / (host.turns / options.devices);
}

function comparedTurns(run: RunResult, naive: Naive | undefined): string {
  if (naive === undefined) return "";
  return `; naive ${(naive.cost.turns / naive.devices).toFixed(1)}: ${fewer(run, naive).toFixed(0)} times fewer (aim 20)`;
}

/** A turn of one design costs the host about what a turn of the other does. */
function orchestrating({ host, options }: RunResult, naive: Naive | undefined): string {
  if (naive === undefined) return "";
  const { cpuMs, turns } = naive.cost;
  const own = (host.turns * cpuMs) / turns / options.devices;
  return `; orchestrating about ${own.toFixed(2)} ms of it, naive ${(cpuMs / naive.devices).toFixed(1)} ms`;
}

function states({ roll }: RunResult): string {
  const counts = Object.entries(roll?.counts ?? {}).filter(([, count]) => count > 0);
  return counts.map(([state, count]) => `${count} ${state}`).join(", ");
}

function usesOf({ uses, variant, options }: RunResult): string {
  return [...uses]
    .map(([resource, count]) => {
      const least = leastUses(variant, resource);
      return `${resource} ${(count / options.devices).toFixed(2)} (${least})`;
    })
    .join(", ");
}

function where({ refusals }: RunResult): string {
  const named = [...refusals].map(([name, count]) => `${name} ${count}`);
  return named.length === 0 ? "" : ` (${named.join(", ")})`;
}

function exposureOf({ roll }: RunResult): string {
  const seconds = (ms: number | undefined): string => ((ms ?? 0) / 1_000).toFixed(1);
  const { p50Ms, p95Ms, maxMs } = roll?.exposure ?? {};
  return `${seconds(p50Ms)} / ${seconds(p95Ms)} / ${seconds(maxMs)} s`;
}

function rate(perSecond: number | undefined): string {
  return perSecond === undefined ? "?" : perSecond.toFixed(1);
}

function share(value: number | undefined): string {
  return value === undefined ? "?" : value.toFixed(2);
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
