import { decideRetiring, decideStaging, type StagedEntry } from "../../../shared/domain/enrollment/stage-entry";
import { Sha256Thumbprint } from "../../../shared/domain/ids";
import { instant } from "../../../shared/domain/instant";

const now = instant(Date.UTC(2026, 0, 1));
const held = (letter: string, days = 30) => ({
  sha256Thumbprint: Sha256Thumbprint.parse(letter.repeat(64)),
  notAfter: instant(now + days * 86_400_000),
});
const [old, fresh, other] = [held("A"), held("B", 90), held("C")];

const entry = (
  primary: StagedEntry["primary"],
  secondary: StagedEntry["secondary"],
  provisioningStatus: StagedEntry["provisioningStatus"] = "enabled",
): StagedEntry => ({ primary, secondary, provisioningStatus });

describe("where a new leaf goes", () => {
  it.each<[string, StagedEntry, string, string]>([
    ["the free secondary", entry(old, undefined), "secondary", "primary"],
    ["the free primary, the next time", entry(undefined, old), "primary", "secondary"],
    ["the secondary that repeats the primary", entry(old, old), "secondary", "primary"],
    ["over what has expired", entry(old, held("C", -1)), "secondary", "primary"],
    ["over what has expired, on the other side too", entry(held("C", -1), old), "primary", "secondary"],
    ["over the older of two that have expired", entry(held("C", -9), held("A", -1)), "primary", "secondary"],
  ])("is %s", (_what, before, slot, oldSlot) => {
    const swap = { slot, old: { slot: oldSlot, sha256Thumbprint: old.sha256Thumbprint } };
    expect(decideStaging(before, fresh.sha256Thumbprint, now)).toMatchObject({ kind: "write", swap });
  });

  it.each<[string, string, StagedEntry]>([
    ["entry-empty", "that holds nothing: there is nothing to change over from", entry(undefined, undefined)],
    ["slot-in-use", "whose leaves are both valid", entry(old, other)],
    ["entry-disabled", "that is disabled", entry(old, undefined, "disabled")],
    ["replacement-is-current", "that holds the new leaf and no other", entry(fresh, undefined)],
  ])("%s: nowhere in an entry %s", (code, _what, before) => {
    expect(decideStaging(before, fresh.sha256Thumbprint, now)).toMatchObject({ kind: "refused", refusal: { code } });
  });

  it("is where it stands already, whatever was written meanwhile", () => {
    expect(decideStaging(entry(old, fresh), fresh.sha256Thumbprint, now)).toMatchObject({
      kind: "staged",
      swap: { slot: "secondary", old: { slot: "primary" } },
    });
  });
});

describe("the old leaf's slot", () => {
  const swap = { slot: "secondary", old: { slot: "primary", sha256Thumbprint: old.sha256Thumbprint } } as const;

  it.each([
    ["is cleared", entry(old, fresh), { kind: "write", clear: "primary" }],
    ["is clear", entry(undefined, fresh), { kind: "retired" }],
    ["stays where somebody put another leaf there", entry(other, fresh), { kind: "kept", why: "entry-changed" }],
    ["stays where the new leaf is gone", entry(old, undefined), { kind: "kept", why: "entry-changed" }],
    ["stays where the slots were swapped by hand", entry(fresh, old), { kind: "kept", why: "entry-changed" }],
  ] as const)("%s", (_what, before, decision) => {
    expect(decideRetiring(before, swap, fresh.sha256Thumbprint)).toEqual(decision);
  });
});
