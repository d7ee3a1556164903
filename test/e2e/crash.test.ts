import { rollUntil, startRollLab, type RollLab } from "../support/roll-lab";

// The host is killed (SIGKILL) at points where a lesser design would lose or repeat something. Needs `dist/`.

let lab: RollLab;
const open = async (settings: Record<string, string> = {}): Promise<void> => {
  lab = await startRollLab({ settings });
  await lab.devices.fleet.connected();
};
afterEach(() => lab.stop());

const post = async (): Promise<string> => {
  const answer = await lab.product()?.postAlert(lab.alert("IR-1"));
  if (answer?.rollId === undefined) throw new Error(`the alert was answered ${JSON.stringify(answer)}`);
  return answer.rollId;
};

/** Starts the next host whenever one has ended, until told to stop; answers how many it started. */
function keepHostAlive(how: Parameters<RollLab["startHost"]>[0]): { stop(): Promise<number> } {
  const order = { stop: false };
  let starts = 0;
  const alive = (async () => {
    while (!order.stop) {
      starts += 1;
      // It may have done its turn and died before it served.
      const host = await lab.startHost(how).catch(() => undefined);
      await Promise.race([host?.exited, until(() => order.stop)]);
    }
  })();
  return {
    stop: async () => {
      order.stop = true;
      await alive;
      return starts;
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((wake) => setTimeout(wake, 50));
}

/** Every device is proven, none acted twice on one attempt, none was asked for an answer it had given. */
async function endsRight(rollId: string, patienceMs?: number): Promise<void> {
  const { roll, devices } = await rollUntil(lab, rollId, ({ phase }) => phase === "finished", patienceMs);
  expect(roll.outcome).toBe("completed");
  expect(devices.map(({ state }) => state)).toEqual(lab.devices.victims.map(() => "proven"));
  for (const { registrationId } of lab.devices.victims) {
    const attempts = lab.devices.fleet.device(registrationId).attempts();
    expect(attempts.filter(({ acts }) => acts > 1)).toEqual([]);
    expect(attempts).toHaveLength(1);
  }
}

test("killed after each orchestration turn, the roll still ends right", async () => {
  // Between two looks the host must live long enough to hear the devices.
  await open({ ROLLCALL_POLL_MS: "5000" });
  const first = await lab.startHost();
  const rollId = await post();
  await first.kill();
  const hosts = keepHostAlive({ crash: { afterTurn: 1 } });
  await endsRight(rollId, 200_000);
  expect(await hosts.stop()).toBeGreaterThan(15);
}, 240_000);

test("killed between the start claim and the start of the orchestration, the alert's roll starts all the same, once", async () => {
  await open();
  await lab.startHost({ crash: { beforeStart: 1 } });
  await expect(post()).rejects.toThrow();
  await until(() => lab.product() === undefined);
  await lab.startHost();
  // The sender knows no better than to send it again: it is told the roll that its first try claimed.
  const again = await lab.product()?.postAlert(lab.alert("IR-1"));
  expect(again?.status).toBe(409); // detectedAt differs, so it is another body under the same id
  const rollId = /\d{8}T\d{9}Z-[0-9a-f]{8}/.exec(again?.problem ?? "")?.[0] ?? "";
  await endsRight(rollId);
});

test.each([
  { write: "the closing write at DPS", operation: "dps.enrollment.put", nth: 1 },
  { write: "the last closing write at DPS", operation: "dps.enrollment.put", nth: 3 },
  { write: "the hold at the hub", operation: "hub.registry.bulk", nth: 1 },
  { write: "the release at the hub", operation: "hub.registry.bulk", nth: 2 },
  { write: "the command to report", operation: "hub.method.invoke", nth: 1 },
])("killed between $write and the row that records it, the roll still ends right", async ({ operation, nth }) => {
  await open();
  const host = await lab.startHost();
  let seen = 0;
  lab.services.faults.observe(async (call) => {
    if (call.operation !== operation || ++seen !== nth) return;
    await host.kill();
  });
  const rollId = await post();
  await host.exited;
  await lab.startHost();
  await endsRight(rollId);
});
