import type { Evidence } from "../../../../lab/scenarios/evidence";
import { claimOf, good, knock, redOf, rollEndedAt } from "./evidence";

/** One device that moved from its old key to its new one, and a thief who came too late. */
const quiet: Evidence = {
  ...good,
  knocks: [
    knock("dps", 2_400, "NEW", true),
    knock("hub", 2_500, "NEW", true),
    knock("dps", 6_000, "OLD", false),
    knock("hub", 6_000, "OLD", false),
  ],
};
const red = redOf(["hub-kept-serving", "dps-kept-accepting"], quiet);
const plus = (...knocks: Evidence["knocks"]): Partial<Evidence> => ({
  knocks: [...quiet.knocks, ...knocks].sort((left, right) => left.at - right.at),
});

test("a device that moves in one go was served all the time", () => {
  expect(red({})).toEqual([]);
});

test("a refusal between its registration and its next session is nobody's fault", () => {
  expect(red(plus(knock("hub", 2_450, "OLD", false)))).toEqual([]);
});

test.each([
  ["before it was told to move", 2_000],
  ["once it was connected with the new key", 2_600],
])("a refusal %s is", (_when, at) => {
  expect(red(plus(knock("hub", at, "OLD", false)))).toEqual(["hub-kept-serving"]);
});

test("a registration that was refused moves nobody", () => {
  const evidence = { knocks: [knock("dps", 2_400, "NEW", false), knock("hub", 2_450, "OLD", false)] };
  expect(red(evidence)).toEqual(["hub-kept-serving"]);
});

test("neither is a cut session, while the roll was on", () => {
  expect(red({ cuts: [{ deviceId: "pump-001", at: 2_000 }] })).toEqual(["hub-kept-serving"]);
  expect(red({ cuts: [{ deviceId: "pump-001", at: rollEndedAt + 1 }] })).toEqual([]);
});

test("one that was left out is not counted", () => {
  const rolled = quiet.rolled.map((device) => ({ ...device, leftOut: "refuses" }));
  expect(red({ rolled, ...plus(knock("hub", 2_000, "OLD", false)) })).toEqual([]);
});

test("a time in which DPS would have refused it is told with its length and the reason", () => {
  const shutOuts = [{ registrationId: "pump-001", from: 2_000, to: 2_600, reason: "its entry is disabled." }];
  expect(red({ shutOuts })).toEqual(["dps-kept-accepting"]);
  expect(claimOf("dps-kept-accepting", { shutOuts }).sentence).toBe(
    "DPS would have refused pump-001 for 0.60 s: its entry is disabled.",
  );
});
