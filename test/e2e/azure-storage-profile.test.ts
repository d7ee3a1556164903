import { rollUntil, startRollLab, type RollLab } from "../support/roll-lab";

// Messages take 50-500 ms, timers are late, completions shuffled, some activities run twice at the same time, and the app
// runs in three processes: what Azure does to an app, and a laptop does not. Needs `dist/`.

let lab: RollLab;
beforeAll(async () => {
  lab = await startRollLab({ devices: 5, breached: 4 });
  await lab.devices.fleet.connected();
});
afterAll(() => lab.stop());

test("a roll ends right with Azure Storage's delays and repetitions and the app in three processes", async () => {
  await lab.startHost({ profile: "azure-storage", workers: 3 });
  const answer = await lab.product()?.postAlert(lab.alert("IR-1"));
  expect(answer?.status).toBe(202);
  const { roll, devices } = await rollUntil(lab, answer?.rollId ?? "", ({ phase }) => phase === "finished", 170_000);
  expect(roll.outcome).toBe("completed");
  expect(devices.map(({ state }) => state)).toEqual(["proven", "proven", "proven", "proven"]);
  for (const { registrationId } of lab.devices.victims) {
    const attempts = lab.devices.fleet.device(registrationId).attempts();
    expect(attempts.filter(({ acts }) => acts > 1)).toEqual([]);
  }
}, 180_000);
