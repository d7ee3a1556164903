import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock, sleep } from "../lab/clock";
import { isFinal } from "../lab/functions-host/engine/history";
import { startHost } from "../lab/functions-host/host";
import type { HostOptions } from "../lab/functions-host/options";
import type { RunningHost } from "../lab/functions-host/running-host";
import type { HubEvent } from "../lab/functions-host/triggers/event-source";
import type { Bench } from "./bench";
import { benchAppDir as appDir } from "./bench-app";

/** What the embedded Functions host does in a second, on this machine, with its store on disk and guards off. */
export const host: Bench = {
  name: "host",
  summary: "embedded Functions host: activities/s, fan-out, timers, restart, events/s, memory",
  run: async (print) => {
    const folder = mkdtempSync(join(tmpdir(), "bench-host-"));
    try {
      await measure(folder, print);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(folder: string, print: (line: string) => void): Promise<void> {
  const storeFile = join(folder, "host.db");
  const open = (more: Partial<HostOptions> = {}): Promise<RunningHost> =>
    startHost({ appDir, storeFile, guards: "off", ...more });
  const report = (what: string, ms: number, note = ""): void =>
    print(`${what.padEnd(44)} ${ms.toFixed(0).padStart(7)} ms${note}`);

  let running = await open();
  await timed(() => finish(running, "sequence", [{ left: 50 }]));
  const sequential = await timed(() => finish(running, "sequence", [{ left: 1000 }]));
  report("1,000 activities one after another", sequential, `  ${perSecond(1000, sequential)} activities/s (aim 500)`);
  report("fan-out of 1,000", await timed(() => finish(running, "fanOut", [{ width: 1000 }])), "  (aim 1,500 ms)");
  const many = Array.from({ length: 200 }, () => ({ left: 10 }));
  report("200 instances of 10 activities", await timed(() => finish(running, "sequence", many)), "  (aim 3,000 ms)");
  const due = 4_000;
  const timers = await timed(() =>
    finish(
      running,
      "sleeper",
      Array.from({ length: 10_000 }, () => ({ ms: due })),
    ),
  );
  report("10,000 timers of 4 s, from start to last end", timers);

  await begin(
    running,
    "waiter",
    Array.from({ length: 2_000 }, () => null),
  );
  await idle(running);
  await running.stop();
  const restart = await timed(async () => {
    running = await open();
  });
  report("restart with 2,000 live instances", restart, "  (aim 2,000 ms)");
  await running.stop();

  report("20,000 events through the binding", await events(folder));
  const share = await storeShare(folder);
  report(
    "1,000 turns' worth of commits, store alone",
    share,
    `  ${((100 * share) / sequential).toFixed(0)} % of the 1,000 activities`,
  );
  await memory(folder, print);
}

async function begin(running: RunningHost, name: string, inputs: readonly unknown[]): Promise<string[]> {
  const ids: string[] = [];
  for (const input of inputs) {
    ids.push(running.engine.client.start(name, { input: JSON.stringify(input) }));
    if (ids.length % 500 === 0) await sleep(realClock, 0);
  }
  return ids;
}

async function finish(running: RunningHost, name: string, inputs: readonly unknown[]): Promise<void> {
  const open = new Set(await begin(running, name, inputs));
  while (open.size > 0) {
    await sleep(realClock, 2);
    for (const id of open) {
      const instance = running.store.instance(id);
      if (instance === undefined || !isFinal(instance.status)) break;
      open.delete(id);
    }
  }
}

async function idle(running: RunningHost): Promise<void> {
  while (!running.engine.isIdle) await sleep(realClock, 5);
}

/** Events in batches of 500 through binding, worker and checkpoint, without the wire. */
async function events(folder: string): Promise<number> {
  const total = 20_000;
  const settings = { EVENTS: "Endpoint=sb://none" };
  let ended: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const body = Buffer.from(JSON.stringify({ deviceId: "device-0001", thumbprint: "A".repeat(64), n: 1 }));
  const event = (sequenceNumber: number): HubEvent => ({
    ...{ body, sequenceNumber, offset: String(sequenceNumber), partitionKey: "device-0001", properties: {} },
    enqueuedTimeUtc: new Date(0),
    systemProperties: { "iothub-connection-device-id": "device-0001" },
  });
  let begun = 0;
  const running = await startHost({
    ...{ appDir, storeFile: join(folder, "events.db"), guards: "off", settings },
    openEventSource: (_connection, name, consumerGroup) => ({
      ...{ name, consumerGroup },
      partitions: () => Promise.resolve(["0"]),
      read: (_partition, _after, limits, handle) => {
        begun = performance.now();
        void (async () => {
          for (let at = 0; at < total; at += limits.maxEventBatchSize) {
            await handle(Array.from({ length: limits.maxEventBatchSize }, (_, index) => event(at + index)));
          }
          ended();
        })();
        return { close: () => Promise.resolve() };
      },
      close: () => Promise.resolve(),
    }),
  });
  await done;
  const took = performance.now() - begun;
  await running.stop();
  return took;
}

/** The transactions of 1,000 sequential activities with nothing around them. */
async function storeShare(folder: string): Promise<number> {
  const running = await startHost({ appDir, storeFile: join(folder, "share.db"), guards: "off" });
  const { store } = running;
  const event = JSON.stringify({
    EventType: 5,
    EventId: -1,
    IsPlayed: true,
    Timestamp: new Date(0).toISOString(),
    Result: "1",
  });
  const took = await timed(() => {
    for (let turn = 0; turn < 2_000; turn++) {
      store.commit("turn", () => {
        for (let seq = 0; seq < 4; seq++)
          store.file.run("INSERT INTO history VALUES (?, ?, ?)", `i${turn}`, seq, event);
      });
    }
    return Promise.resolve();
  });
  await running.stop();
  return took;
}

/** Memory of the engine's process after 10,000 and 100,000 turns; a leak shows as their ratio. */
async function memory(folder: string, print: (line: string) => void): Promise<void> {
  const running = await startHost({ appDir, storeFile: join(folder, "memory.db"), guards: "off" });
  const after = async (activities: number): Promise<number> => {
    const instances = Array.from({ length: 20 }, () => ({ left: activities / 20 }));
    await finish(running, "sequence", instances);
    return process.memoryUsage.rss();
  };
  const early = await after(10_000);
  const late = await after(90_000);
  print(
    `memory: ${megabytes(early)} MB after 10,000 turns, ${megabytes(late)} MB after 100,000, ratio ${(late / early).toFixed(2)} (aim 1.1); peak ${peak()} MB`,
  );
  await running.stop();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function perSecond(count: number, ms: number): string {
  return ((count * 1000) / ms).toFixed(0);
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}

/** Highest resident size of this process so far, where Linux tells. */
function peak(): string {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
    return line === null ? "?" : (Number(line[1]) / 1024).toFixed(0);
  } catch {
    return "?";
  }
}
