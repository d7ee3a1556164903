import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { spawnHost } from "../../lab/functions-host/host";
import { costSince, hostCost, type HostCost } from "./host-cost";

/** Activities per device that the naive design needs: contain, stage, dispatch, prove, retire, note. */
const ACTIVITIES = 6;

/**
 * The design that suggests itself: an orchestration per device, an activity per step. The activities do nothing here, so that
 * only the orchestrating is measured. @param appDir the app with the orchestrator `sequence`.
 */
export async function measureNaive(appDir: string, devices: number): Promise<HostCost> {
  const folder = await mkdtemp(join(tmpdir(), "bench-naive-"));
  const host = await spawnHost({ appDir, port: 0, storeFile: join(folder, "host.db"), guards: "off" });
  try {
    const before = await hostCost(host.url, host.pid);
    for (let started = 0; started < devices; started += STARTS_AT_ONCE) {
      const count = Math.min(STARTS_AT_ONCE, devices - started);
      await Promise.all(Array.from({ length: count }, () => begin(host.url)));
    }
    const turns = devices * (ACTIVITIES + 1);
    for (;;) {
      const spent = costSince(before, await hostCost(host.url, host.pid));
      if (spent.turns >= turns) return spent;
      await pause(200);
    }
  } finally {
    await host.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const STARTS_AT_ONCE = 20;

async function begin(url: string): Promise<void> {
  const response = await fetch(`${url}/runtime/webhooks/durabletask/orchestrators/sequence`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ left: ACTIVITIES }),
  });
  if (!response.ok) throw new Error(`starting an orchestration was answered ${response.status}`);
  await response.arrayBuffer();
}
