import { claimNames } from "../../../../lab/scenarios/claims/judge";
import { breachClaims } from "../../../../lab/scenarios/claims/sets";
import type { Evidence, Knock } from "../../../../lab/scenarios/evidence";
import type { DoorRecord } from "../../../../lab/fleet/door-record";
import { claimOf, containedAt, door, endedAt, good, knock, pump, redOf } from "./evidence";

const red = redOf(breachClaims);
const claim = (evidence: Partial<Evidence>, name: (typeof breachClaims)[number]) => claimOf(name, evidence);

const withKey = (session: DoorRecord): Partial<Evidence> => ({
  keys: good.keys.map((key) => ({ ...key, session })),
});

test("a roll that went well leaves every claim green, in the order they are told", () => {
  expect(claimNames.filter((name) => breachClaims.some((each) => each === name))).toEqual(breachClaims);
  expect(red({})).toEqual([]);
});

test.each([
  ["dps", "dps-refuses-old-key", "DPS accepted the old key of pump-001 0.50 s after it was called contained."],
  ["hub", "hub-refuses-old-key", "The hub accepted the old key of pump-001 0.50 s after it was called contained."],
] as const)("an old key accepted at %s after containment turns one claim red", (at, name, sentence) => {
  const evidence = { knocks: [...good.knocks, knock(at, 2_500, "OLD", true)] };
  expect(red(evidence)).toEqual([name]);
  expect(claim(evidence, name).sentence).toBe(sentence);
});

test("what happened before the claimed moment is not held against the roll", () => {
  expect(red({ knocks: [...good.knocks, knock("hub", containedAt - 1, "OLD", true)] })).toEqual([]);
  expect(red({ knocks: [...good.knocks, knock("hub", containedAt, "OLD", true)] })).toEqual(["hub-refuses-old-key"]);
});

test("a door that nobody tried proves nothing", () => {
  const untried = good.knocks.filter(({ door: at, thumbprint }) => !(at === "dps" && thumbprint === "OLD"));
  expect(claim({ knocks: untried }, "dps-refuses-old-key")).toMatchObject({
    holds: false,
    sentence: "Nobody tried the old key of pump-001 at this door when it had to be closed.",
  });
});

describe("a device that is never called contained", () => {
  const stated = new Map([["pump-001", { registrationId: "pump-001", state: "contained-unconfirmed", detail: "hub" }]]);
  const lately = (open: Knock["door"] | undefined) =>
    (["dps", "hub"] as const).map((at) => knock(at, endedAt - 100, "OLD", at === open));

  test("turns the claims about containment and proof red", () => {
    expect(red({ stated, knocks: [...good.knocks, ...lately(undefined)] })).toEqual([
      "every-device-contained",
      "every-device-proven",
    ]);
    expect(claim({ stated }, "every-device-proven").sentence).toBe(
      "pump-001 is contained-unconfirmed: hub, not proven.",
    );
  });

  test.each([
    ["dps", "dps-refuses-old-key"],
    ["hub", "hub-refuses-old-key"],
  ] as const)("turns the claim about %s red as well if that door is open at the end", (door, name) => {
    const evidence = { stated, knocks: [...good.knocks, ...lately(door)] };
    expect(red(evidence)).toEqual(["every-device-contained", name, "every-device-proven"]);
    expect(claim(evidence, name).sentence).toContain("accepted the old key of pump-001 at the very end");
  });

  test("turns the claim about sessions red as well if one lives at the end", () => {
    const alive = { ...withKey(door({ accepted: 6, lastAcceptedAt: endedAt - 50 })), stated };
    expect(red({ ...alive, knocks: [...good.knocks, ...lately(undefined)] })).toContain("old-sessions-dropped");
  });
});

test("a message over an old session after containment turns its claim red", () => {
  const late = withKey(door({ accepted: 6, lastAcceptedAt: 2_250 }));
  expect(red(late)).toEqual(["old-sessions-dropped"]);
  expect(claim(late, "old-sessions-dropped").sentence).toContain("0.25 s after it was called contained");
});

test("a thief who never held a session proves nothing about sessions", () => {
  expect(red(withKey(door({})))).toEqual(["old-sessions-dropped"]);
});

test("a proof needs the hub to have seen the new key", () => {
  const unseen = good.knocks.filter(({ thumbprint }) => thumbprint !== "NEW");
  expect(red({ knocks: unseen })).toEqual(["new-key-connects"]);
});

test.each([
  ["an identity was changed", { bystandersAfter: new Map([["valve-001", "changed"]]) }],
  ["a session was dropped", { knocks: [...good.knocks, { ...knock("hub", 2_000, "V", true), subject: "valve-001" }] }],
  [
    "one is in the roll",
    { stated: new Map([...good.stated, ["valve-001", { registrationId: "valve-001", state: "planned" }]]) },
  ],
])("bystanders: %s", (_what, evidence) => {
  expect(red(evidence)).toEqual(["bystanders-untouched"]);
});

test.each([
  ["no-device-acts-twice", { actedTwice: ["attempt a1 of pump-001"] }],
  ["one-alert-one-roll", { repeated: { status: 202, sameRoll: false } }],
  ["one-alert-one-roll", { repeated: { status: 200, sameRoll: false } }],
  ["secrets-stay-out", { leaks: ["A private key stands in table rolls."] }],
  ["secrets-stay-out", { placesSearched: 0 }],
])("%s turns red", (name, evidence) => {
  expect(red(evidence)).toEqual([name]);
});

test("many alike are told once, and counted", () => {
  const rolled = ["a", "b", "c"].map((id) => ({ ...pump, registrationId: id, deviceId: id }));
  expect(claim({ rolled, stated: new Map() }, "every-device-proven").sentence).toBe(
    "a is unknown to the roll, not proven. (and 2 more like it)",
  );
});
