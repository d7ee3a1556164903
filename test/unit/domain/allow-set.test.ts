import {
  decideHold,
  decideRelease,
  sentinelText,
  standing,
  type HoldDecision,
  type Identity,
  type ReleaseDecision,
  type Standing,
} from "../../../shared/domain/hub/allow-set";
import { DeviceId } from "../../../shared/domain/ids";
import {
  anIdentity,
  deviceId,
  hubName,
  leaked,
  otherHubName,
  otherRollId,
  planned,
  rollId,
  sentinelPair,
  stranger,
  thumbprint,
} from "../../support/builders";

const allow = { leaves: [planned], sentinels: [...sentinelPair] };
const [s1, s2] = sentinelPair;

const slots = (primary: string | undefined, secondary: string | undefined, more: Partial<Identity> = {}): Identity =>
  anIdentity({ primaryThumbprint: primary, secondaryThumbprint: secondary, ...more });

describe("where an identity stands", () => {
  it.each<[Standing, string, Identity | undefined]>([
    ["no-certificate", "absent", undefined],
    ["no-certificate", "with SAS keys", slots(leaked, leaked, { authentication: "sas" })],
    ["no-certificate", "without credentials", slots(undefined, undefined, { authentication: "none" })],
    ["no-certificate", "with both slots empty", slots(undefined, "")],
    [
      "foreign",
      "trusting any certificate of a CA",
      slots(undefined, undefined, { authentication: "certificateAuthority" }),
    ],
    [
      "foreign",
      "trusting a CA, whatever its thumbprints say",
      slots(s1, s2, { authentication: "certificateAuthority" }),
    ],
    ["sentinels", "with our two sentinels", slots(s1, s2)],
    ["sentinels", "with one sentinel and an empty slot", slots(s1, undefined)],
    ["allowed", "with the planned leaf twice", slots(planned, planned)],
    ["allowed", "with the planned leaf once", slots(undefined, planned)],
    ["allowed", "with the planned leaf and a sentinel", slots(planned, s1)],
    ["foreign", "with the leaked leaf", slots(leaked, leaked)],
    ["foreign", "with the planned leaf first and the leaked one second", slots(planned, leaked)],
    ["foreign", "with a sentinel and a leaf that nobody listed", slots(s1, stranger)],
    ["foreign", "with the planned leaf's digits in lower case", slots(planned.toLowerCase(), planned)],
  ])("%s: %s", (expected, _what, identity) => {
    expect(standing(identity, allow)).toBe(expected);
  });
});

describe("the hold", () => {
  it.each<[HoldDecision["kind"], string, Identity | undefined]>([
    ["nothing", "of an absent identity", undefined],
    ["nothing", "of an identity that no certificate opens", slots(undefined, undefined)],
    ["write", "of an identity with the leaked leaf", slots(leaked, leaked)],
    [
      "write",
      "of an identity with the leaked leaf that somebody disabled",
      slots(leaked, leaked, { status: "disabled" }),
    ],
    ["write", "of an identity that has healed already: its sessions are not known to be new", slots(planned, planned)],
    ["write", "of an identity with our sentinels that is enabled", slots(s1, s2)],
    ["done", "of an identity that an earlier run has held", slots(s1, s2, { status: "disabled" })],
  ])("is %s: %s", (expected, _what, identity) => {
    expect(decideHold(identity, allow).kind).toBe(expected);
  });
});

describe("the release", () => {
  const held = { status: "disabled" } as const;
  const nothing = { kind: "nothing" } as const;
  const done = { kind: "done" } as const;
  const asRead = { kind: "write", thumbprints: "as-read" } as const;
  const sentinel = { kind: "write", thumbprints: "sentinel" } as const;
  const again = { kind: "hold-again" } as const;

  it.each<[ReleaseDecision, "enabled" | "disabled", string, Identity | undefined]>([
    [nothing, "enabled", "an identity deleted during the hold", undefined],
    [nothing, "enabled", "one that no certificate opens", slots(undefined, undefined, held)],
    [sentinel, "enabled", "one that is as we left it", slots(s1, s2, held)],
    [asRead, "enabled", "one into which DPS wrote the planned leaf", slots(planned, planned, held)],
    [sentinel, "enabled", "one into which a late registration wrote the leaked leaf", slots(leaked, leaked, held)],
    [sentinel, "enabled", "one that holds the planned and the leaked leaf", slots(planned, leaked, held)],
    [again, "enabled", "one that somebody enabled with the leaked leaf", slots(leaked, leaked)],
    [again, "disabled", "one that somebody enabled with a stranger's leaf", slots(stranger, s1)],
    [done, "enabled", "one that an earlier run released with sentinels", slots(s1, s2)],
    [done, "enabled", "one that an earlier run released with the planned leaf", slots(planned, planned)],
    [done, "disabled", "one that was disabled before the roll", slots(s1, s2, held)],
    [sentinel, "disabled", "one disabled before the roll, with the leaked leaf", slots(leaked, leaked, held)],
  ])("is %j towards %s: %s", (expected, statusBefore, _what, identity) => {
    expect(decideRelease(identity, allow, statusBefore)).toEqual(expected);
  });
});

describe("a sentinel's text", () => {
  it("is the same for the same place and round, so that a step run twice writes the same", () => {
    const text = sentinelText(rollId, hubName, deviceId, "primary", 1);
    expect(text).toBe(`rollcall-sentinel|${rollId}|${hubName}|${deviceId}|primary|1`);
    expect(sentinelText(rollId, hubName, deviceId, "primary", 1)).toBe(text);
  });

  it("differs by roll, hub, device, slot and round", () => {
    const texts = [
      sentinelText(rollId, hubName, deviceId, "primary", 1),
      sentinelText(otherRollId, hubName, deviceId, "primary", 1),
      sentinelText(rollId, otherHubName, deviceId, "primary", 1),
      sentinelText(rollId, hubName, DeviceId.parse("Pump-1"), "primary", 1),
      sentinelText(rollId, hubName, deviceId, "secondary", 1),
      sentinelText(rollId, hubName, deviceId, "primary", 2),
    ];
    expect(new Set(texts).size).toBe(texts.length);
  });
});

it("an allow set without leaves lets nothing stand but sentinels", () => {
  expect(standing(slots(planned, planned), { leaves: [], sentinels: [...sentinelPair] })).toBe("foreign");
  expect(standing(slots(thumbprint("E"), thumbprint("F")), { leaves: [], sentinels: [] })).toBe("foreign");
});
