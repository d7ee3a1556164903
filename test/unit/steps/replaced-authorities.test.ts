import { createIntermediate, createRoot } from "../../../lab/pki/certificates";
import { aRow, rollId } from "../../support/builders";
import { readGuards } from "../../../shared/steps/group-guard";
import { documents } from "../../../shared/steps/roll-documents";
import { AuthorityBed, type Family, type Role } from "./authority-bed";

const BREACH = { playbook: "group-breach" } as const;

/** The group as its closing leaves it. */
async function close(bed: AuthorityBed, o: { was?: "enabled" | "disabled"; heldIt?: boolean } = {}): Promise<void> {
  const group = bed.azure.fakeGroups.group("fleet");
  if (group === undefined) throw new Error("no group");
  const held = group.attestation;
  const bad = {
    thumbprints: held.kind === "signingCertificates" ? [bed.thumbprint(bed.old)] : [],
    names: held.kind === "caReferences" && held.primary !== undefined ? [held.primary] : [],
  };
  const seen = { groupId: bed.groupId, provisioningStatus: o.was ?? "enabled", heldIt: o.heldIt ?? true, bad };
  await bed.blobs.putDocument(rollId, documents.groupSeen(bed.groupId), seen);
  const keep = { kind: "keep" } as const;
  await bed.azure.groups.put(
    { ...group, record: undefined },
    { slots: { primary: keep, secondary: keep }, provisioningStatus: "disabled" },
  );
}

const variants: readonly (readonly [Role, Family])[] = [
  ["root", "caReferences"],
  ["root", "signingCertificates"],
  ["intermediate", "caReferences"],
  ["intermediate", "signingCertificates"],
];

describe.each(variants)("a compromised %s in %s", (role, family) => {
  const breached = async (): Promise<AuthorityBed> => {
    const bed = new AuthorityBed(family, role);
    bed.addGroup();
    await bed.ask(BREACH);
    await close(bed);
    return bed;
  };

  it("makes room for the new one in the write that opens the group, then leaves DPS", async () => {
    const bed = await breached();
    await bed.judge();
    await bed.prove();
    expect([bed.letsIn(bed.old), bed.letsIn(bed.next)]).toEqual([false, false]);
    expect(await bed.replace()).toEqual({ outcome: "done" });
    expect([bed.letsIn(bed.old), bed.letsIn(bed.next)]).toEqual([false, true]);
    expect(bed.slots()).toBe("new -");
    expect(await bed.delete()).toEqual({ outcome: "retired" });
    expect(await bed.replace()).toEqual({ outcome: "done" });
    expect(bed.azure.faults.calls.get("dps.group.put")).toBe(2);
  });

  it("never lets anybody in by a write whose answer was lost, and does not write twice", async () => {
    const bed = await breached();
    await bed.judge();
    await bed.prove();
    bed.azure.faults.add({ operation: "dps.group.put", effect: { kind: "reply-lost" }, times: 1 });
    await expect(bed.replace()).rejects.toMatchObject({ retryable: true });
    expect(await bed.replace()).toEqual({ outcome: "done" });
    expect(bed.letsIn(bed.old)).toBe(false);
    expect(bed.azure.faults.calls.get("dps.group.put")).toBe(2);
  });

  it("refuses a successor over the compromised key, and leaves the group closed", async () => {
    const bed = await breached();
    await bed.judge();
    const again = new AuthorityBed(family, role);
    again.addGroup();
    await again.ask({ ...BREACH, scope: { successor: { chainPem: again.old.certificatePem } } });
    await close(again);
    expect(await again.judge()).toEqual({ outcome: "refused", code: "same-key" });
    expect(again.letsIn(again.old)).toBe(false);
  });
});

describe("a compromised intermediate whose leaves would find a higher group", () => {
  const shadowed = async (family: Family): Promise<AuthorityBed> => {
    const bed = new AuthorityBed(family, "intermediate");
    bed.addGroup();
    bed.azure.addGroup({ groupId: "higher", caReferences: ["anchor"] });
    await bed.ask(BREACH);
    await close(bed);
    await bed.judge();
    await bed.prove();
    return bed;
  };

  it.each<Family>(["caReferences", "signingCertificates"])(
    "keeps the closed group of %s in their way, and enrolls the fleet through a copy of it",
    async (family) => {
      const bed = await shadowed(family);
      expect(await bed.replace()).toEqual({ outcome: "done" });
      expect(await bed.replace()).toEqual({ outcome: "done" });
      const copy = `fleet-${bed.next.sha256Thumbprint.slice(0, 8).toLowerCase()}`;
      expect([bed.slots(), bed.slots(copy)]).toEqual(["old -", "new -"]);
      expect([bed.letsIn(bed.old), bed.letsIn(bed.next), bed.letsIn(bed.anchor)]).toEqual([false, true, true]);
      expect((await bed.trust()).old).toMatchObject([{ state: "kept" }]);
      expect(await bed.delete()).toEqual({ outcome: "kept", code: "authority-referenced" });
      expect(bed.letsIn(bed.old)).toBe(false);
    },
  );

  it.each([
    ["a CA that nobody suspects shares its group with it", "sibling", true, ["healthy-authority-shut-out"]],
    ["nothing would let its leaves in elsewhere", "sibling", false, []],
    ["it stands in its group alone", undefined, true, []],
  ])("healthy-authority-shut-out: warns, or not, where %s", async (_what, beside, higher, expected) => {
    const bed = new AuthorityBed("caReferences", "intermediate");
    const sibling = createIntermediate({ commonName: "Sibling ICA", issuer: bed.anchor });
    bed.azure.addAuthority("sibling", sibling.certificatePem);
    bed.addGroup("primary", beside);
    if (higher) bed.azure.addGroup({ groupId: "higher", caReferences: ["anchor"] });
    await bed.ask({ ...BREACH, scope: { compromised: { slots: ["primary"] } } });
    await close(bed);
    await bed.judge();
    const warnings = (await bed.trust()).warnings.filter((code) => code === "healthy-authority-shut-out");
    expect(warnings).toEqual(expected);
  });

  it.each<Family>(["caReferences", "signingCertificates"])(
    "makes room first where the new CA of %s stands beside the stolen one: DPS takes it in one group only",
    async (family) => {
      const bed = new AuthorityBed(family, "intermediate");
      const isNamed = family === "caReferences";
      if (isNamed) bed.azure.addAuthority("new-ca", bed.next.certificatePem);
      bed.addGroup("primary", isNamed ? "new-ca" : bed.next.certificatePem);
      bed.azure.addGroup({ groupId: "higher", caReferences: ["anchor"] });
      await bed.ask({ ...BREACH, scope: { compromised: { slots: ["primary"] } } });
      await close(bed);
      await bed.judge();
      await bed.prove();
      expect(await bed.replace()).toEqual({ outcome: "done" });
      const copy = `fleet-${bed.next.sha256Thumbprint.slice(0, 8).toLowerCase()}`;
      expect([bed.slots(), bed.slots(copy)]).toEqual(["old -", "new -"]);
      expect([bed.letsIn(bed.old), bed.letsIn(bed.next)]).toEqual([false, true]);
    },
  );

  it("stays closed where DPS has no place for another group, or has one of that name", async () => {
    const full = await shadowed("signingCertificates");
    const taken = await shadowed("signingCertificates");
    const copy = `fleet-${taken.next.sha256Thumbprint.slice(0, 8).toLowerCase()}`;
    taken.azure.addGroup({ groupId: copy, signingPems: [createRoot({ commonName: "Stranger" }).certificatePem] });
    expect(await taken.replace()).toEqual({ outcome: "refused", code: "group-name-taken" });
    for (let others = 2; others < 100; others += 1)
      full.azure.addGroup({ groupId: `other-${others}`, other: "symmetricKey" });
    expect(await full.replace()).toEqual({ outcome: "refused", code: "no-free-group-slot" });
    expect([taken, full].map((bed) => bed.letsIn(bed.old))).toEqual([false, false]);
  });
});

describe("a group that is not the breach's to open", () => {
  it("stays disabled where somebody had disabled it before", async () => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    await bed.ask(BREACH);
    await close(bed, { was: "disabled" });
    await bed.judge();
    await bed.prove();
    expect(await bed.replace()).toEqual({ outcome: "done" });
    expect(bed.slots()).toBe("new -");
    expect(bed.letsIn(bed.next)).toBe(false);
  });

  it("is left alone where it never held the compromised CA", async () => {
    const bed = new AuthorityBed("caReferences", "intermediate");
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["anchor"] });
    await bed.ask({
      ...BREACH,
      scope: { compromised: { slots: ["secondary"], thumbprints: [bed.thumbprint(bed.old)] } },
    });
    await close(bed, { heldIt: false });
    await bed.judge();
    await bed.prove();
    const before = bed.azure.faults.calls.get("dps.group.put");
    expect(await bed.replace()).toEqual({ outcome: "done" });
    expect(bed.azure.faults.calls.get("dps.group.put")).toBe(before);
  });
});

describe("a group that somebody had enabled again before the new CA came", () => {
  const rolled = async (reopened: boolean) => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    await bed.ask(BREACH);
    await close(bed);
    await bed.judge();
    await bed.prove();
    const group = bed.azure.fakeGroups.group("fleet");
    const keep = { kind: "keep" } as const;
    if (reopened && group !== undefined)
      await bed.azure.groups.put(
        { ...group, record: undefined },
        { slots: { primary: keep, secondary: keep }, provisioningStatus: "enabled" },
      );
    expect(await bed.replace()).toEqual({ outcome: "done" });
    const guards = await readGuards({ blobs: bed.blobs, groups: bed.azure.groups }, rollId, [
      aRow({ group: bed.groupId }),
    ]);
    return { guard: guards.get(bed.groupId), group: bed.azure.fakeGroups.group("fleet") };
  };

  it("is known to be closed only since our own last write", async () => {
    const { guard, group } = await rolled(true);
    expect(guard).toMatchObject({ kind: "closed", closedAgainAt: group?.lastUpdatedAt });
  });

  it("and one that nobody touched since its closing", async () => {
    const { guard } = await rolled(false);
    expect(guard).toMatchObject({ kind: "closed", closedAgainAt: undefined });
  });
});

it("keeps a healthy CA that stands beside the compromised one", async () => {
  const bed = new AuthorityBed("caReferences", "root");
  const healthy = createRoot({ commonName: "Healthy root" });
  bed.azure.addAuthority("healthy", healthy.certificatePem);
  bed.addGroup("primary", "healthy");
  await bed.ask({ ...BREACH, scope: { compromised: { slots: ["primary"] } } });
  await close(bed);
  await bed.judge();
  await bed.prove();
  expect(await bed.replace()).toEqual({ outcome: "done" });
  expect(bed.slots()).toBe("new healthy");
  const ica = createIntermediate({ commonName: "ICA of the bad root", issuer: bed.old });
  expect([bed.letsIn(healthy), bed.letsIn(bed.next), bed.letsIn(bed.old), bed.letsIn(ica)]).toEqual([
    ...[true, true],
    ...[false, false],
  ]);
});
