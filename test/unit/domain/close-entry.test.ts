import fc from "fast-check";
import {
  badThumbprints,
  decideClose,
  healthyThumbprints,
  isClosedTo,
  type CloseDecision,
  type Entry,
  type SlotDecision,
} from "../../../shared/domain/enrollment/close-entry";
import type { Sha256Thumbprint } from "../../../shared/domain/ids";
import { leaked, planned, stranger, thumbprint } from "../../support/builders";

const older = thumbprint("1");
const healthy = thumbprint("2");

function entry(
  primary: Sha256Thumbprint | undefined,
  secondary: Sha256Thumbprint | undefined,
  provisioningStatus: Entry["provisioningStatus"] = "enabled",
): Entry {
  const slot = (held: typeof primary): Entry["primary"] =>
    held === undefined ? undefined : { sha256Thumbprint: held };
  return { provisioningStatus, primary: slot(primary), secondary: slot(secondary) };
}

const write = (
  primary: SlotDecision,
  secondary: SlotDecision,
  provisioningStatus: "enabled" | "disabled" = "enabled",
): CloseDecision => ({
  kind: "write",
  primary,
  secondary,
  provisioningStatus,
  disabled: provisioningStatus === "disabled",
});
const closed = (disabled = false): CloseDecision => ({ kind: "closed", disabled });

describe("the bad thumbprints of an entry", () => {
  it.each([
    ["the named slot's", entry(leaked, healthy), ["primary"] as const, undefined, [leaked]],
    ["both slots'", entry(leaked, older), ["primary", "secondary"] as const, undefined, [leaked, older]],
    [
      "a single certificate's, which DPS shows twice, once",
      entry(leaked, leaked),
      ["primary"] as const,
      undefined,
      [leaked],
    ],
    [
      "the compromised certificate's, though it stands in another slot",
      entry(healthy, leaked),
      ["primary"] as const,
      leaked,
      [leaked, healthy],
    ],
    [
      "the compromised certificate's, though the entry is empty",
      entry(undefined, undefined),
      ["primary"] as const,
      leaked,
      [leaked],
    ],
    ["none of an empty slot", entry(undefined, healthy), ["primary"] as const, undefined, []],
  ])("are %s", (_what, read, slots, compromised, expected) => {
    expect(badThumbprints(read, slots, compromised)).toEqual(expected);
  });

  it("leave the others healthy, each once", () => {
    expect(healthyThumbprints(entry(leaked, healthy), [leaked])).toEqual([healthy]);
    expect(healthyThumbprints(entry(healthy, healthy), [leaked])).toEqual([healthy]);
    expect(healthyThumbprints(entry(leaked, leaked), [leaked])).toEqual([]);
  });
});

describe("closing an entry", () => {
  it.each<[string, Entry, Sha256Thumbprint[], Sha256Thumbprint | undefined, CloseDecision]>([
    [
      "puts the new leaf into the freed slot and clears the other bad one",
      entry(leaked, older),
      [leaked, older],
      planned,
      write("set", "clear"),
    ],
    [
      "replaces a single certificate, which DPS shows in both slots",
      entry(leaked, leaked),
      [leaked],
      planned,
      write("set", "clear"),
    ],
    [
      "keeps a healthy secondary and puts the new leaf beside it",
      entry(leaked, healthy),
      [leaked],
      planned,
      write("set", "keep"),
    ],
    ["frees the secondary if that is the bad one", entry(healthy, leaked), [leaked], planned, write("keep", "set")],
    [
      "drops the bad slot where the other is healthy and no leaf is known",
      entry(leaked, healthy),
      [leaked],
      undefined,
      write("clear", "keep"),
    ],
    [
      "disables the entry if nothing healthy would remain",
      entry(leaked, older),
      [leaked, older],
      undefined,
      write("keep", "keep", "disabled"),
    ],
    [
      "disables an entry without any certificate: what it accepts is unknown",
      entry(undefined, undefined),
      [],
      undefined,
      write("keep", "keep", "disabled"),
    ],
    ["uses an empty slot if none is freed", entry(healthy, undefined), [leaked], planned, write("keep", "set")],
    [
      "clears the leaked leaf where the planned one stands already",
      entry(planned, leaked),
      [leaked],
      planned,
      write("keep", "clear"),
    ],
    ["writes nothing if both slots are healthy and taken", entry(healthy, stranger), [leaked], planned, closed()],
    ["writes nothing if it is done", entry(planned, undefined), [leaked], planned, closed()],
    [
      "writes nothing if it is disabled and holds nothing healthy",
      entry(leaked, leaked, "disabled"),
      [leaked],
      undefined,
      closed(true),
    ],
  ])("%s", (_what, read, bad, leaf, expected) => {
    expect(decideClose(read, bad, leaf, false)).toEqual(expected);
  });

  it("leaves an entry disabled that an operator had disabled", () => {
    expect(decideClose(entry(leaked, leaked, "disabled"), [leaked], planned, false)).toEqual(
      write("set", "clear", "disabled"),
    );
    expect(decideClose(entry(planned, undefined, "disabled"), [leaked], planned, false)).toEqual(closed(true));
  });

  it("enables an entry again that this roll had disabled, with the write that brings the new leaf", () => {
    expect(decideClose(entry(leaked, leaked, "disabled"), [leaked], planned, true)).toEqual(write("set", "clear"));
  });

  const held = fc.constantFrom(undefined, leaked, older, healthy, planned);
  const situations = fc.record({
    read: fc
      .tuple(held, held, fc.constantFrom("enabled" as const, "disabled" as const))
      .map((parts) => entry(...parts)),
    bad: fc.subarray([leaked, older]),
    leaf: fc.constantFrom(undefined, planned),
    disabledByUs: fc.boolean(),
  });

  it("leaves an entry that accepts nothing bad, is never empty, and has nothing more to do", () => {
    fc.assert(
      fc.property(situations, ({ read, bad, leaf, disabledByUs }) => {
        const decision = decideClose(read, bad, leaf, disabledByUs);
        const after = apply(read, decision, leaf);
        expect(isClosedTo(after, bad)).toBe(true);
        if (read.primary !== undefined || read.secondary !== undefined)
          expect(after.primary ?? after.secondary).toBeDefined();
        if (read.provisioningStatus === "disabled" && !disabledByUs) expect(after.provisioningStatus).toBe("disabled");
        expect(decideClose(after, bad, leaf, disabledByUs).kind).toBe("closed");
      }),
    );
  });
});

describe("an entry is closed", () => {
  it.each<[boolean, string, Entry]>([
    [false, "while a bad certificate stands in its primary slot", entry(leaked, healthy)],
    [false, "while a bad certificate stands in its secondary slot", entry(healthy, leaked)],
    [true, "once none does", entry(healthy, planned)],
    [true, "while it is disabled", entry(leaked, leaked, "disabled")],
  ])("%s: %s", (expected, _what, read) => {
    expect(isClosedTo(read, [leaked])).toBe(expected);
  });
});

/** What DPS would hold after the write. */
function apply(read: Entry, decision: CloseDecision, leaf: Sha256Thumbprint | undefined): Entry {
  if (decision.kind === "closed") return read;
  const slot = (kind: SlotDecision, before: Entry["primary"]): Entry["primary"] =>
    kind === "keep" ? before : kind === "clear" || leaf === undefined ? undefined : { sha256Thumbprint: leaf };
  return {
    provisioningStatus: decision.provisioningStatus,
    primary: slot(decision.primary, read.primary),
    secondary: slot(decision.secondary, read.secondary),
  };
}
