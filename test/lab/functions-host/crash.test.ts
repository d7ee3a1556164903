import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnHost, type CrashPoint, type HostProcess } from "../../../lab/functions-host/host";
import { crashFuzz } from "../../../lab/functions-host/soak/crash-fuzz";
import { goldenScenarios } from "../../../lab/functions-host/soak/scenarios";
import { WorkerPool } from "../../../lab/functions-host/worker-pool";
import { appsDir } from "./app-host";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "functions-host-crash-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("an engine that is dropped after every transaction", () => {
  let pool: WorkerPool;
  beforeAll(async () => {
    pool = await WorkerPool.start({
      ...{ appDir: join(appsDir, "golden"), env: process.env, workers: 1, hostVersion: "4", log: () => undefined },
    });
  });
  afterAll(() => pool.stop());

  test.each(Array.from({ length: 20 }, (_, seed) => seed))("ends in the same outputs, seed %i", async (seed) => {
    const { commits, differences } = await crashFuzz(pool, goldenScenarios, folder, seed);
    expect(differences).toEqual([]);
    expect(commits).toBeGreaterThan(60);
  });
});

interface Status {
  readonly runtimeStatus: string;
  readonly output: unknown;
}

async function status(host: HostProcess, id: string): Promise<Status | undefined> {
  const answer = await fetch(`${host.url}/durabletask/instances/${id}`);
  return answer.status === 404 ? undefined : ((await answer.json()) as Status);
}

async function start(host: HostProcess, name: string, id: string, input: unknown): Promise<number> {
  const answer = await fetch(`${host.url}/durabletask/orchestrators/${name}/${id}`, {
    method: "POST",
    body: JSON.stringify(input),
  });
  return answer.status;
}

const open = (crash?: CrashPoint): Promise<HostProcess> =>
  spawnHost({
    ...{ appDir: join(appsDir, "golden"), storeFile: join(folder, "host.db"), guards: "on" },
    ...(crash === undefined ? {} : { crash }),
  });

test("a host killed twenty times, after turns and between an activity and its result, loses nothing", async () => {
  const rounds = 40;
  let kills = 0;
  let host = await open({ afterTurn: 1 });
  await start(host, "countdown", "long", { left: rounds }).catch(() => undefined);
  for (;;) {
    const outcome = await Promise.race([host.exited.then(() => "killed" as const), settled(host)]);
    if (outcome !== "killed") {
      expect(outcome).toEqual({
        runtimeStatus: "Completed",
        output: Array.from({ length: rounds + 1 }, (_, index) => rounds - index),
      });
      await host.kill();
      break;
    }
    kills += 1;
    host = await open(kills >= 20 ? undefined : kills % 2 === 0 ? { afterTurn: 2 } : { afterActivity: 2 });
  }
  expect(kills).toBe(20);
}, 120_000);

async function settled(host: HostProcess): Promise<Pick<Status, "runtimeStatus" | "output"> | "killed"> {
  let alive = true;
  void host.exited.then(() => {
    alive = false;
  });
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (!stillAlive()) return "killed";
    const found = await status(host, "long").catch(() => undefined);
    if (found?.runtimeStatus === "Completed") return { runtimeStatus: found.runtimeStatus, output: found.output };
  }
  function stillAlive(): boolean {
    return alive;
  }
}

test("a host killed on the request to start an instance has not started it, and can start it afterwards", async () => {
  const first = await open({ beforeStart: 1 });
  await expect(start(first, "countdown", "late", { left: 1 })).rejects.toThrow();
  expect(await first.exited).toMatchObject({ signal: "SIGKILL" });
  const second = await open();
  expect(await status(second, "late")).toBeUndefined();
  expect(await start(second, "countdown", "late", { left: 1 })).toBe(202);
  await second.stop();
});

test("a second host on the same file is refused with the file's name", async () => {
  const first = await open();
  await expect(open()).rejects.toThrow(/host\.db is in use by another host/);
  await first.stop();
});
