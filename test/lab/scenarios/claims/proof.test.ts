import type { Evidence } from "../../../../lab/scenarios/evidence";
import { claimOf, good, knock, orderedAt, pump, redOf } from "./evidence";

const broken = { ...pump, registrationId: "pump-002", deviceId: "pump-002", leftOut: "refuses" };
const withOne = (state: string, more: object = {}): Evidence => ({
  ...good,
  rolled: [pump, broken],
  roll: { phase: "finished", outcome: "partial" },
  stated: new Map([...good.stated, ["pump-002", { registrationId: "pump-002", state, ...more }]]),
});
const names = ["every-device-proven", "new-key-connects", "left-out-listed", "ends-as-due"] as const;

test("a device that refuses need not be proven, but listed; the roll ends partial", () => {
  expect(redOf(names, withOne("unreachable"))({})).toEqual([]);
  expect(claimOf("left-out-listed", {}, withOne("unreachable")).sentence).toContain("pump-002 unreachable");
});

test.each([
  ["is called proven all the same", withOne("proven", { provenAt: 3_000 }), "pump-002 (refuses) was called proven."],
  [
    "is not in the list",
    { ...withOne("failed"), stated: good.stated },
    "pump-002 (refuses) is not in the roll's list.",
  ],
  ["does not exist", good, "Every device could be rolled, so nothing was shown."],
])("a device that refuses and %s", (_how, evidence, sentence) => {
  expect(claimOf("left-out-listed", {}, evidence)).toMatchObject({ holds: false, sentence });
});

test.each([
  ["completed though one is left out", { ...withOne("failed"), roll: good.roll }],
  ["partial though all were rolled", { ...good, roll: { phase: "finished", outcome: "partial" } }],
  ["not finished", { ...good, roll: { phase: "awaiting" } }],
  ["never seen", { ...good, roll: undefined }],
])("a roll that is %s did not end as it should", (_how, evidence) => {
  expect(redOf(["ends-as-due"], evidence)({})).toEqual(["ends-as-due"]);
});

describe("a device that makes its own key", () => {
  const { newThumbprint: _, ...maker } = pump;
  const rolled = [maker];

  test("has connected with a key that is not an old one", () => {
    expect(redOf(["new-key-connects"])({ rolled })).toEqual([]);
  });

  test("has not when only old keys were seen since the order", () => {
    const old = good.knocks.filter(({ thumbprint }) => thumbprint === "OLD");
    expect(redOf(["new-key-connects"])({ rolled, knocks: old })).toEqual(["new-key-connects"]);
    const earlier = [...old, knock("hub", orderedAt - 1, "OTHER", true)];
    expect(redOf(["new-key-connects"])({ rolled, knocks: earlier })).toEqual(["new-key-connects"]);
  });
});

test("a roll that could prove nobody has proven nothing", () => {
  expect(redOf(["every-device-proven"])({ rolled: [broken] })).toEqual(["every-device-proven"]);
});
