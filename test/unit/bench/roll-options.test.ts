import { readRollOptions } from "../../../bench/roll/options";
import { settingsAt, timesAt } from "../../../bench/roll/settings";

describe("options of the roll bench", () => {
  test("without any, every playbook on S1 and S3", () => {
    expect(readRollOptions([])).toMatchObject({
      devices: 1_000,
      playbooks: ["individual-breach", "individual-expiry", "group-breach", "group-expiry"],
      tiers: ["S1", "S3"],
      quotaPercent: 90,
      naive: true,
    });
  });

  test("names may be repeated, numbers have commas", () => {
    const read = readRollOptions(["--devices", "10,000", "--hub", "S2", "--playbook", "group-expiry", "--no-naive"]);
    expect(read).toMatchObject({ devices: 10_000, tiers: ["S2"], playbooks: ["group-expiry"], naive: false });
  });

  test.each([
    [["--devices", "0"], "--devices 0: give a whole number from 1 to 1,000,000"],
    [["--scale", "201"], "--scale 201: give a whole number from 1 to 200"],
    [["--hub", "S4"], "--hub S4: give one of S1, S2, S3"],
    [["--playbook", "all"], "--playbook all: give one of individual-breach"],
  ])("%j is refused", (args, complaint) => {
    expect(() => readRollOptions(args)).toThrow(complaint);
  });
});

describe("settings of the app under measurement", () => {
  test("quotas grow and waits shrink by the scale", () => {
    const settings = settingsAt({ tier: "S1", scale: 10, quotaPercent: 80 }, "storage");
    expect(settings).toMatchObject({
      ROLLCALL_HUB_SKUS: "lab-hub.azure-devices.net=S1x10",
      ROLLCALL_DPS_OPERATIONS_PER_MINUTE: "10000",
      ROLLCALL_QUOTA_PERCENT: "80",
      ROLLCALL_PULSE_HOLD_MS: "18000",
      ROLLCALL_POLL_MS: "1000",
    });
  });

  test("a machine needs some time whatever the scale", () => {
    expect(timesAt(200)).toMatchObject({ settleMs: 500, attemptMs: 60_000, recheckMs: 5_000 });
  });
});
