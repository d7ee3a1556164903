import { type LabClock, realClock } from "../../../lab/clock";
import { azureStorageProfile } from "../../../lab/functions-host/profile";
import { randomFrom } from "../../../lab/functions-host/soak/seeded-random";
import { VirtualClock } from "../../../lab/functions-host/virtual-clock";
import { type AppHost, startApp } from "./app-host";

let app: AppHost | undefined;
afterEach(async () => {
  await app?.stop();
  app = undefined;
});

const clock = () => new VirtualClock(Date.parse("2026-01-01T00:00:00Z"));

test("with the delays, second deliveries and three processes of Azure every orchestration ends the same", async () => {
  const host = (app = await startApp("golden", {
    ...{ clock: clock(), workers: 3, disturbance: azureStorageProfile(randomFrom(7)) },
  }));
  const expected: [string, unknown, unknown][] = [
    ["thenTimerThenChild", undefined, { numbers: [1, 2, 3], go: null, child: 6 }],
    ["countdown", { left: 4 }, [4, 3, 2, 1, 0]],
    ["allFailing", undefined, ["Activity function 'fail' failed: no all", "after"]],
    ["callsEntity", undefined, 5],
    ["locks", undefined, 2],
  ];
  const ids = Array.from({ length: 4 }, () => expected.map(([name, input]) => host.start(name, input)));
  for (const round of ids) {
    for (const [index, id] of round.entries()) {
      expect(await host.ended(id)).toEqual({ status: "Completed", output: expected[index]?.[2] });
    }
  }
  expect(new Set(host.host.pool.pids).size).toBe(3);
}, 60_000);

test("completions change places, and timers come late", async () => {
  const time = clock();
  const host = (app = await startApp("golden", { clock: time, disturbance: azureStorageProfile(randomFrom(1)) }));
  const begun = time.now();
  const histories = new Set<string>();
  for (let round = 0; round < 8; round++) {
    const id = host.start("thenTimerThenChild");
    await host.ended(id);
    histories.add(host.history(id));
  }
  expect(histories.size).toBeGreaterThan(1);
  expect(time.now() - begun).toBeGreaterThan(8 * 60_000 + 1000);
});

test("an activity that is delivered twice at the same time counts once", async () => {
  const host = (app = await startApp("golden", {
    clock: clock(),
    disturbance: {
      ...{ messageDelayMs: () => 0, timerDelayMs: () => 0, deliverTwice: () => true, maxPayloadBytes: undefined },
    },
  }));
  const id = host.start("retried", { key: "twice", succeedOn: 2, attempts: 1 });
  const { status } = await host.ended(id);
  // The second delivery of the only attempt succeeded, the first failed: whichever was stored first stands.
  expect(["Completed", "Failed"]).toContain(status);
  expect(host.history(id).match(/[56]→0/g)).toHaveLength(1);
});

test("a message that is under way is not lost when a timer of the machine runs a moment early", async () => {
  const hasty: LabClock = {
    now: () => realClock.now(),
    after: (ms, action) => realClock.after(Math.max(0, ms - 5), action),
  };
  const delays = { ...azureStorageProfile(randomFrom(3)), messageDelayMs: () => 30 };
  const host = (app = await startApp("golden", { clock: hasty, disturbance: delays }));
  expect(await host.run("countdown", { left: 3 })).toEqual({ status: "Completed", output: [3, 2, 1, 0] });
});

test("a result over the limit fails its activity with both numbers", async () => {
  const host = (app = await startApp("golden", { disturbance: azureStorageProfile(randomFrom(2), 3) }));
  expect((await host.run("types")).output).toMatch(/its result is \d+ bytes, over the limit of 3/);
});
