import { z } from "zod";
import {
  decideDrop,
  decideReplace,
  decideStage,
  heldBeside,
  type GroupSlots,
  type HeldAuthority,
} from "../../../shared/domain/authority/slots";
import { AuthorityName } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import { t0, thumbprint } from "../../support/builders";

type Ca = "old" | "new" | "other" | "expired" | "dangling";
type Layout = readonly [primary: Ca | "-", secondary: Ca | "-"];
const families = ["caReferences", "signingCertificates"] as const;
type Family = (typeof families)[number];

const digits: Readonly<Record<Ca, string>> = { old: "A", new: "B", other: "C", expired: "D", dangling: "E" };

function held(ca: Ca | "-", family: Family): HeldAuthority | undefined {
  if (ca === "-") return undefined;
  return {
    name: family === "caReferences" ? AuthorityName.parse(`ca-${ca}`) : undefined,
    sha256Thumbprint: ca === "dangling" ? undefined : thumbprint(digits[ca]),
    notAfter: ca === "expired" ? t0 : addMs(t0, 1),
  };
}

function group([primary, secondary]: Layout, family: Family): GroupSlots {
  return { family, primary: held(primary, family), secondary: held(secondary, family) };
}

const id = (ca: Ca, family: Family) => ({
  sha256Thumbprint: thumbprint(digits[ca]),
  name: family === "caReferences" ? AuthorityName.parse(`CA-${ca}`) : undefined,
});

/** What a decision says, in one word each; a refusal by its code. */
function words(decision: object): string {
  return Object.values(decision)
    .map((value: unknown) => {
      const refusal = z.object({ code: z.string() }).safeParse(value);
      return refusal.success ? refusal.data.code : typeof value === "string" ? value : "-";
    })
    .join(" ");
}

describe.each(families)("the slots of a group of %s", (family) => {
  it.each<[Layout, string]>([
    [["old", "-"], "fill secondary"],
    [["-", "old"], "fill primary"],
    [["old", "old"], "fill secondary"],
    [["old", "expired"], "fill secondary"],
    [["expired", "old"], "fill primary"],
    [["expired", "-"], "fill secondary"],
    [["old", "new"], "done"],
    [["new", "old"], "done"],
    [["old", "other"], "refused slot-in-use"],
  ])("%s: the new CA beside the old one: %s", (layout, expected) => {
    expect(words(decideStage(group(layout, family), id("new", family), t0))).toBe(expected);
  });

  const promoted = family === "caReferences" ? "promote" : "clear primary";
  it.each<[Layout, string]>([
    [["old", "new"], promoted],
    [["new", "old"], "clear secondary"],
    [["new", "-"], "done"],
    [["-", "new"], "done"],
    [["new", "other"], "done"],
    [["old", "-"], "refused successor-gone"],
    [["other", "old"], "refused successor-gone"],
  ])("%s: the old CA leaves: %s", (layout, expected) => {
    expect(words(decideDrop(group(layout, family), id("new", family), [id("old", family)]))).toBe(expected);
  });

  it.each<[Layout, string]>([
    [["old", "-"], "write primary -"],
    [["-", "old"], "write secondary -"],
    [["old", "expired"], "write primary secondary"],
    [["old", "other"], "write primary -"],
    [["other", "old"], "write secondary -"],
    [["old", "new"], promoted === "promote" ? "promote" : "write - primary"],
    [["new", "old"], "write - secondary"],
    [["new", "-"], "done"],
    [["other", "-"], "write secondary -"],
    [["other", "new"], "done"],
  ])("%s: the compromised CAs go in one write: %s", (layout, expected) => {
    const bad = [id("old", family), id("expired", family)];
    expect(words(decideReplace(group(layout, family), id("new", family), bad))).toBe(expected);
  });

  it("never leaves both slots empty, whatever is decided", () => {
    const all: readonly (Ca | "-")[] = ["old", "new", "other", "expired", "-"];
    for (const layout of all.flatMap((a) => all.map((b): Layout => [a, b]))) {
      if (layout.every((ca) => ca === "-")) continue;
      const slots = group(layout, family);
      const drop = decideDrop(slots, id("new", family), [id("old", family)]);
      if (drop.kind === "clear") expect(slots[drop.slot === "primary" ? "secondary" : "primary"]).toBeDefined();
      if (drop.kind === "promote") expect(slots.secondary).toBeDefined();
      const replace = decideReplace(slots, id("new", family), [id("old", family)]);
      if (replace.kind === "write" && replace.successor === undefined)
        expect(replace.clear === "primary" ? slots.secondary : slots.primary).toBeDefined();
      if (replace.kind === "promote") expect(slots.secondary).toBeDefined();
    }
  });
});

describe("what stands beside the new CA", () => {
  it("names each CA once", () => {
    const beside = (layout: Layout): number =>
      heldBeside(group(layout, "caReferences"), id("new", "caReferences")).length;
    expect([beside(["old", "old"]), beside(["old", "new"]), beside(["old", "other"]), beside(["new", "-"])]).toEqual([
      1, 1, 2, 0,
    ]);
  });

  it("knows a reference that leads nowhere by its name, and a certificate by its thumbprint whatever its name", () => {
    const slots = group(["dangling", "old"], "caReferences");
    const renamed = { sha256Thumbprint: thumbprint("A"), name: AuthorityName.parse("elsewhere") };
    expect(heldBeside(slots, renamed).map(({ name }) => name)).toEqual(["ca-dangling"]);
    expect(heldBeside(slots, id("dangling", "caReferences")).map(({ name }) => name)).toEqual(["ca-old"]);
  });
});
