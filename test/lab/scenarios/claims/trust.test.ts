import type { Dangling, Evidence, Trust } from "../../../../lab/scenarios/evidence";
import { claimOf, good, pump, redOf } from "./evidence";

const trust = (kind: Trust["kind"], thumbprint: string, enabled = true, owner = "pump-001"): Trust => ({
  kind,
  owner,
  thumbprint,
  enabled,
});
const red = redOf(["old-trust-gone"], { ...good, oldAuthorities: ["OLD-CA"] });

test("new certificates may stand anywhere", () => {
  expect(red({})).toEqual([]);
});

test.each([
  ["a leaf in an enrollment", trust("enrollment", "OLD")],
  ["a leaf in an identity", trust("identity", "OLD")],
  ["a CA in a group", trust("group", "OLD-CA")],
  ["a CA in DPS", trust("ca", "OLD-CA")],
  ["an unverified CA in DPS", trust("ca", "OLD-CA", false)],
])("old trust that remains as %s turns it red", (_what, remains) => {
  expect(red({ trustAtEnd: [...good.trustAtEnd, remains] })).toEqual(["old-trust-gone"]);
});

test("a disabled entry that holds an old certificate denies it", () => {
  const denials = [trust("enrollment", "OLD", false), trust("group", "OLD-CA", false), trust("identity", "OLD", false)];
  expect(red({ trustAtEnd: denials })).toEqual([]);
});

describe("devices that could not be rolled", () => {
  const late = { ...pump, leftOut: "switched off" };

  test("keep their trust, and it is no remainder", () => {
    const evidence = { rolled: [late], trustAtEnd: [trust("enrollment", "OLD")] };
    expect(red(evidence)).toEqual([]);
    expect(claimOf("left-out-keep-their-trust", evidence).holds).toBe(true);
  });

  test("are locked out when DPS would refuse them at the end, not when it would have for a while", () => {
    const shut = { registrationId: "pump-001", from: 4_000, reason: "Invalid certificate." };
    const claim = (shutOuts: Evidence["shutOuts"]) =>
      claimOf("left-out-keep-their-trust", { rolled: [late], shutOuts });
    expect(claim([shut])).toMatchObject({
      holds: false,
      sentence: "pump-001 (switched off) is locked out of DPS: Invalid certificate.",
    });
    expect(claim([{ ...shut, to: 5_000 }]).holds).toBe(true);
  });

  test("are needed to show it", () => {
    expect(claimOf("left-out-keep-their-trust", {}).holds).toBe(false);
  });
});

describe("groups", () => {
  const writes = [{ at: 2_000, operation: "dps.group.put", subject: "fleet" }];
  const dangling: Dangling[] = [{ at: 2_000, groupId: "fleet", caName: "root", problem: "missing" }];

  test("that always point at verified CA certificates", () => {
    expect(claimOf("groups-never-dangle", { writes }).holds).toBe(true);
  });

  test("that dangled for a moment", () => {
    expect(claimOf("groups-never-dangle", { writes, dangling })).toMatchObject({
      holds: false,
      sentence: "fleet pointed at root, which was missing.",
    });
  });

  test("that nobody wrote show nothing", () => {
    expect(claimOf("groups-never-dangle", {}).holds).toBe(false);
  });
});

test("an enrollment that nobody asked for is left behind", () => {
  const pin = trust("enrollment", "NEW", true, "pump-009");
  expect(claimOf("no-entry-left-behind", {}).holds).toBe(true);
  expect(claimOf("no-entry-left-behind", { trustAtEnd: [pin] }).sentence).toBe(
    "The enrollment pump-009 was left behind.",
  );
});

describe("an old leaf that is to stay until it expires", () => {
  const held = (at: number, ...thumbprints: string[]) => ({
    at,
    registrationId: "pump-001",
    enabled: true,
    thumbprints,
  });
  const claim = (...slotsHeld: Evidence["slotsHeld"]) => claimOf("old-trust-kept-until-expiry", { slotsHeld });

  test("may go then", () => {
    expect(claim(held(2_000, "OLD", "NEW"), held(7_000, "NEW")).holds).toBe(true);
  });

  test("may not go before; and somebody must have written for it to show", () => {
    expect(claim(held(2_000, "OLD", "NEW"), held(6_000, "NEW")).sentence).toBe(
      "The old leaf of pump-001 was taken out 1.00 s before it expired.",
    );
    expect(claim().holds).toBe(false);
  });
});
