import fc from "fast-check";
import { EnrollmentGroupId, RegistrationId } from "../../../shared/domain/ids";
import { CaGraph } from "../../../shared/domain/inventory/ca-graph";
import { breachVariants, fallThrough, wayIn, withChanges } from "../../../shared/domain/inventory/ca-changes";
import { implicitlyAnchored, reachOfCa } from "../../../shared/domain/inventory/ca-reach";
import { firstMatch, type Match, type MatchOptions } from "../../../shared/domain/inventory/first-match";
import { sameName, type FleetEntries, type LeafFacts } from "../../../shared/domain/inventory/fleet-entries";
import { aCa, aGroup, aLeaf, anIndividual, inDps, thumbprintOf } from "../../support/ca-entries";

const groupId = (text: string): EnrollmentGroupId => EnrollmentGroupId.parse(text);
const refusing: MatchOptions = { otherLeafOfIndividual: "refused" };
const root = aCa("root");
const plant = aCa("plant", "root");
const line = aCa("line", "plant");

function graph(entries: Partial<FleetEntries>): CaGraph {
  return new CaGraph({ authorities: [], groups: [], individuals: [], ...entries });
}

function register(on: CaGraph, leaf: LeafFacts, issuers = [line, plant, root], options = refusing): Match {
  return firstMatch(on, { registrationId: RegistrationId.parse("pump-1"), leaf, issuers }, options);
}

const leaf = aLeaf("pump-1", "line");
const verifiedRoot = inDps(root, true);

describe("the entry that decides about a registration", () => {
  const byRoot = aGroup("all", "root");
  const byPlant = aGroup("plant", plant);
  const cases: [string, Partial<FleetEntries>, Match][] = [
    [
      "the group nearest the leaf",
      { authorities: [verifiedRoot], groups: [byRoot, byPlant] },
      { kind: "accepted", entry: { kind: "group", groupId: groupId("plant") }, via: plant.sha256Thumbprint },
    ],
    [
      "a disabled group, though one above is enabled",
      { authorities: [verifiedRoot], groups: [byRoot, aGroup("plant", plant, undefined, "disabled")] },
      { kind: "refused", entry: { kind: "group", groupId: groupId("plant") }, reason: "entry-disabled" },
    ],
    [
      "a disabled group before an enabled one with the same certificate",
      { authorities: [verifiedRoot], groups: [byPlant, aGroup("deny", undefined, plant, "disabled")] },
      { kind: "refused", entry: { kind: "group", groupId: groupId("deny") }, reason: "entry-disabled" },
    ],
    [
      "nobody, where no verified CA stands above",
      { authorities: [inDps(root, false)], groups: [byPlant] },
      { kind: "refused", entry: { kind: "group", groupId: groupId("plant") }, reason: "not-anchored" },
    ],
    [
      "nobody, where the verified CA stands below the certificate that decides",
      { authorities: [inDps(line, true), inDps(root, false)], groups: [byRoot] },
      { kind: "refused", entry: { kind: "group", groupId: groupId("all") }, reason: "not-anchored" },
    ],
    [
      "nobody, without a group",
      { authorities: [verifiedRoot] },
      { kind: "refused", entry: undefined, reason: "no-entry" },
    ],
    [
      "the individual enrollment of that id, before any group",
      { authorities: [verifiedRoot], groups: [byRoot], individuals: [anIndividual("pump-1", [leaf])] },
      {
        kind: "accepted",
        entry: { kind: "individual", registrationId: RegistrationId.parse("pump-1") },
        via: undefined,
      },
    ],
    [
      "a disabled individual enrollment",
      { authorities: [verifiedRoot], groups: [byRoot], individuals: [anIndividual("pump-1", [], "disabled")] },
      {
        kind: "refused",
        entry: { kind: "individual", registrationId: RegistrationId.parse("pump-1") },
        reason: "entry-disabled",
      },
    ],
    [
      "an enrollment with another leaf, alone",
      { authorities: [verifiedRoot], groups: [byRoot], individuals: [anIndividual("pump-1", [aLeaf("new", "line")])] },
      {
        kind: "refused",
        entry: { kind: "individual", registrationId: RegistrationId.parse("pump-1") },
        reason: "other-leaf",
      },
    ],
    [
      "nobody, where a disabled enrollment of another id holds the leaf",
      { authorities: [verifiedRoot], groups: [byRoot], individuals: [anIndividual("deny-1", [leaf], "disabled")] },
      { kind: "refused", entry: { kind: "group", groupId: groupId("all") }, reason: "leaf-denied" },
    ],
  ];
  it.each(cases)("is %s", (_name, entries, match) => {
    expect(register(graph(entries), leaf)).toEqual(match);
  });

  it("is the group after all, where DPS lets the other leaf of an enrolled device fall through", () => {
    const pinned = graph({
      authorities: [verifiedRoot],
      groups: [byRoot],
      individuals: [anIndividual("pump-1", [aLeaf("new", "line")])],
    });
    expect(register(pinned, leaf, [line, plant], { otherLeafOfIndividual: "falls-through" })).toMatchObject({
      kind: "accepted",
      entry: { groupId: "all" },
    });
  });

  it("takes names for the same in RFC 2253, line by line, in either order and case", () => {
    expect(sameName("CN=Plant, O=Contoso", "O=contoso\nCN=plant")).toBe(true);
    expect(sameName("CN=Plant\\, East,O=Contoso", "O=Contoso\nCN=Plant\\, East")).toBe(true);
    expect(sameName("CN=plant", "CN=plants")).toBe(false);
  });

  it("tells two CAs of one name apart by their keys", () => {
    const old = { ...aCa("old"), subjectName: "CN=plant", subjectKeyId: "AA" };
    const young = { ...aCa("young"), subjectName: "CN=plant", subjectKeyId: "BB" };
    const on = graph({
      authorities: [inDps(old, true, "old"), inDps(young, true, "young")],
      groups: [aGroup("old", "old"), aGroup("young", "young")],
    });
    const match = register(on, { ...aLeaf("pump-1", "plant"), authorityKeyId: "bb" }, []);
    expect(match).toMatchObject({ entry: { groupId: "young" } });
  });
});

/** A hierarchy of CA certificates ca0…caN, each issued by an earlier one or by itself; groups and DPS hold some of them. */
const fleets = fc
  .record({
    parents: fc.array(fc.nat(), { minLength: 1, maxLength: 7 }),
    verified: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
    uploaded: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
    groups: fc.array(
      fc.record({ primary: fc.nat(6), secondary: fc.option(fc.nat(6), { nil: undefined }), disabled: fc.boolean() }),
      { maxLength: 4 },
    ),
    by: fc.nat(6),
  })
  .map(({ parents, verified, uploaded, groups, by }) => {
    const parentOf = (at: number): number => (at === 0 ? 0 : (parents[at] ?? 0) % (at + 1));
    const cas = parents.map((_, at) => aCa(`ca${at}`, `ca${parentOf(at)}`));
    const ca = (at: number): (typeof cas)[number] => cas[at % cas.length]!;
    const entries: FleetEntries = {
      authorities: cas.filter((_, at) => uploaded[at]).map((one, at) => inDps(one, verified[at] ?? false)),
      groups: groups.map(({ primary, secondary, disabled }, at) =>
        aGroup(
          `g${at}`,
          ca(primary),
          secondary === undefined ? undefined : ca(secondary),
          disabled ? "disabled" : "enabled",
        ),
      ),
      individuals: [],
    };
    const chain: (typeof cas)[number][] = [];
    for (let at = by % cas.length; ; at = parentOf(at)) {
      chain.push(cas[at]!);
      if (parentOf(at) === at) break;
    }
    return { entries, chain };
  });

/** The walk as the documents tell it, over a chain that is known to its end. */
function walk({ authorities, groups }: FleetEntries, chain: readonly { sha256Thumbprint: string }[]): string {
  const verifiedAt = chain.map(({ sha256Thumbprint }) =>
    authorities.some((ca) => ca.isVerified && ca.sha256Thumbprint === sha256Thumbprint),
  );
  for (const [at, { sha256Thumbprint }] of chain.entries()) {
    const here = groups.filter(
      ({ trust }) =>
        trust.kind === "signingCertificates" &&
        [trust.primary, trust.secondary].some((held) => held?.sha256Thumbprint === sha256Thumbprint),
    );
    if (here.some(({ provisioningStatus }) => provisioningStatus === "disabled")) return "entry-disabled";
    if (here[0] !== undefined)
      return verifiedAt.slice(at).includes(true) ? `accepted ${here[0].groupId}` : "not-anchored";
  }
  return "no-entry";
}

function say(match: Match): string {
  if (match.kind === "refused") return match.reason;
  return `accepted ${match.entry.kind === "group" ? match.entry.groupId : "individual"}`;
}

describe("any hierarchy", () => {
  it("is walked as the documents say", () => {
    fc.assert(
      fc.property(fleets, ({ entries, chain }) => {
        const lowest = aLeaf("pump-1", chain[0]!.subjectName.slice(3));
        expect(say(register(new CaGraph(entries), lowest, chain))).toBe(walk(entries, chain));
      }),
      { numRuns: 500 },
    );
  });

  it("shows the shadow path: where leaves of a CA get in once a group no longer holds it", () => {
    fc.assert(
      fc.property(fleets, fc.nat(3), ({ entries, chain }, at) => {
        const known = { ...entries, others: chain };
        const group = entries.groups[at];
        const [ca] = chain;
        if (group === undefined || ca === undefined) return;
        const without = {
          ...entries,
          groups: entries.groups.map((one) => {
            if (one !== group || one.trust.kind !== "signingCertificates") return one;
            const keep = (held: typeof one.trust.primary) =>
              held?.sha256Thumbprint === ca.sha256Thumbprint ? undefined : held;
            return {
              ...one,
              trust: { ...one.trust, primary: keep(one.trust.primary), secondary: keep(one.trust.secondary) },
            };
          }),
        };
        const expected = walk(without, chain);
        const way = fallThrough(new CaGraph(known), group.groupId, ca.sha256Thumbprint);
        expect(way.kind === "open" ? `accepted ${way.groupId}` : way.kind === "closed" ? way.reason : way.kind).toBe(
          expected,
        );
      }),
      { numRuns: 500 },
    );
  });

  it("loses, with a CA, exactly the groups that lean on nothing else", () => {
    fc.assert(
      fc.property(fleets, ({ entries, chain }) => {
        const before = new CaGraph({ ...entries, others: chain });
        for (const authority of entries.authorities) {
          const after = withChanges(before, [{ kind: "delete-authority", name: authority.name }]);
          const leaning = implicitlyAnchored(before, authority.sha256Thumbprint).filter(
            ({ sole, certainty }) => sole && certainty === "certain",
          );
          const broken = entries.groups.filter((group) =>
            before.trusted(group).some((thumbprint) => {
              const anchored = (on: CaGraph): boolean =>
                on.upFrom(on.authority(thumbprint)!).some((one) => on.isVerified(one.sha256Thumbprint));
              return thumbprint !== authority.sha256Thumbprint && anchored(before) && !anchored(after);
            }),
          );
          const naming = entries.groups.filter((group) => before.trusted(group).includes(authority.sha256Thumbprint));
          expect(leaning.map(({ groupId }) => groupId)).toEqual(
            broken.filter((group) => !naming.includes(group)).map(({ groupId }) => groupId),
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a compromised intermediate", () => {
  const authorities = [verifiedRoot];
  it("is replaced in place where nothing else lets its leaves in", () => {
    const on = graph({ authorities, groups: [aGroup("plant", line, plant)] });
    expect(breachVariants(on, plant.sha256Thumbprint)).toEqual([
      { variant: "replace-in-place", groupId: "plant", slots: ["secondary"] },
    ]);
  });

  it("is replaced in place where the group above is disabled", () => {
    const on = graph({ authorities, groups: [aGroup("plant", plant), aGroup("all", "root", undefined, "disabled")] });
    expect(breachVariants(on, plant.sha256Thumbprint)).toMatchObject([{ variant: "replace-in-place" }]);
  });

  it("keeps its group, disabled, where its leaves would fall through to a higher one", () => {
    const on = graph({ authorities, groups: [aGroup("plant", plant), aGroup("all", "root")] });
    expect(breachVariants(on, plant.sha256Thumbprint)).toEqual([
      { variant: "disable-and-copy", groupId: "plant", slots: ["primary"], higher: "all", missingIssuers: [] },
    ]);
    const done = withChanges(on, [{ kind: "set-status", groupId: groupId("plant"), provisioningStatus: "disabled" }]);
    expect(wayIn(done, plant.sha256Thumbprint)).toEqual({ kind: "closed", reason: "entry-disabled", groupId: "plant" });
  });

  it("says so where its leaves fall through to the other slot of the same group", () => {
    const on = graph({ authorities, groups: [aGroup("both", plant, root)] });
    expect(fallThrough(on, groupId("both"), plant.sha256Thumbprint)).toEqual({
      kind: "open",
      groupId: "both",
      via: root.sha256Thumbprint,
      sameGroup: true,
    });
  });

  it("gets a deny group where the fleet enrolls through the root", () => {
    const on = graph({ authorities, groups: [aGroup("all", "root")], others: [plant] });
    expect(breachVariants(on, plant.sha256Thumbprint)).toEqual([
      { variant: "deny-group", higher: "all", missingIssuers: [] },
    ]);
    const deny = aGroup("deny", plant, undefined, "disabled");
    const done = withChanges(on, [{ kind: "add-group", group: deny }]);
    expect(wayIn(done, plant.sha256Thumbprint)).toMatchObject({ kind: "closed", reason: "entry-disabled" });
  });

  it("is treated as if a way in were open where only devices know what stands above it", () => {
    const on = graph({ authorities, groups: [aGroup("line", line), aGroup("all", "root")] });
    expect(breachVariants(on, line.sha256Thumbprint)).toEqual([
      {
        variant: "disable-and-copy",
        groupId: "line",
        slots: ["primary"],
        higher: undefined,
        missingIssuers: ["CN=plant"],
      },
    ]);
  });

  it("still lets its leaves in while a reissue over the same key stands in the other slot", () => {
    const reissue = { ...aCa("plant2", "root"), subjectName: "CN=plant" };
    const on = graph({ authorities, groups: [aGroup("plant", plant, reissue)] });
    expect(fallThrough(on, groupId("plant"), plant.sha256Thumbprint)).toMatchObject({
      kind: "open",
      sameGroup: true,
      via: reissue.sha256Thumbprint,
    });
  });
});

describe("what stands behind a CA", () => {
  const entries: FleetEntries = {
    authorities: [verifiedRoot, inDps(plant, false, "plant-ca")],
    groups: [aGroup("all", "root"), aGroup("line", line), aGroup("else", aCa("alien"))],
    individuals: [
      anIndividual("under", [aLeaf("under", "line")]),
      anIndividual("alone", [aLeaf("alone", "alone")]),
      anIndividual("other", [aLeaf("other", "alien")]),
    ],
  };

  it("is every group, enrollment and CA below it", () => {
    expect(reachOfCa(new CaGraph(entries), root.sha256Thumbprint)).toEqual({
      holding: ["all"],
      below: ["line"],
      possible: [],
      through: undefined,
      individuals: [RegistrationId.parse("under")],
      authorities: ["plant-ca"],
    });
  });

  it("is also the group above that lets its own leaves in", () => {
    expect(reachOfCa(new CaGraph(entries), plant.sha256Thumbprint)).toMatchObject({
      holding: [],
      below: ["line"],
      through: "all",
    });
  });

  it("is a group whose only anchor it is, though the group does not name it", () => {
    const on = new CaGraph(entries);
    expect(implicitlyAnchored(on, root.sha256Thumbprint)).toEqual([
      { groupId: "line", sole: true, certainty: "certain" },
    ]);
    expect(implicitlyAnchored(on, plant.sha256Thumbprint)).toEqual([]);
  });

  it("is possibly a group of which one slot leans on it for certain, but not alone, and the other perhaps", () => {
    const verifiedPlant = inDps(plant, true);
    const groups = [aGroup("both", aCa("dark", "unknown"), plant)];
    const on = new CaGraph({ authorities: [verifiedRoot, verifiedPlant], groups, individuals: [] });
    expect(implicitlyAnchored(on, root.sha256Thumbprint)).toEqual([
      { groupId: "both", sole: true, certainty: "possible" },
    ]);
  });

  it("is possibly a group whose chain has a gap that only devices can close", () => {
    const on = new CaGraph({ ...entries, authorities: [verifiedRoot] });
    expect(implicitlyAnchored(on, root.sha256Thumbprint)).toEqual([
      { groupId: "line", sole: true, certainty: "possible" },
    ]);
    expect(thumbprintOf("root")).toBe(root.sha256Thumbprint);
  });
});
