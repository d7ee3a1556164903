import { createIntermediate, createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { RollId } from "../../../shared/domain/ids";
import { releaseTrust } from "../../../shared/steps/claim-trust";
import { rollId } from "../../support/builders";
import { AuthorityBed, type Family, type Role } from "./authority-bed";

const variants: readonly (readonly [Role, Family])[] = [
  ["root", "caReferences"],
  ["root", "signingCertificates"],
  ["intermediate", "caReferences"],
  ["intermediate", "signingCertificates"],
];
/** Whether the new CA becomes a CA certificate of DPS, and so must be proven. */
const uploads = (role: Role, family: Family): boolean => role === "root" || family === "caReferences";

describe.each(variants)("a %s in %s that runs out", (role, family) => {
  it.each(["primary", "secondary"] as const)("is joined by the new one, then leaves: %s first", async (slot) => {
    const bed = new AuthorityBed(family, role);
    bed.addGroup(slot);
    await bed.ask();
    await bed.stageAll();
    expect(bed.slots()).toBe(slot === "primary" ? "old new" : "new old");
    expect([bed.letsIn(bed.old), bed.letsIn(bed.next)]).toEqual([true, true]);

    expect(await bed.drop()).toEqual({ outcome: "dropped" });
    const promoted = family === "caReferences" || slot === "secondary";
    expect(bed.slots()).toBe(promoted ? "new -" : "- new");
    expect(await bed.delete()).toEqual({ outcome: "retired" });
    expect([bed.letsIn(bed.old), bed.letsIn(bed.next)]).toEqual([false, true]);
    if (uploads(role, family)) expect(bed.hasCa("old-ca")).toBe(false);
    expect((await bed.trust()).old.map(({ state }) => state)).toEqual(["retired"]);
  });

  it("is left alone by steps that run again, and twice at once", async () => {
    const bed = new AuthorityBed(family, role);
    bed.addGroup();
    await bed.ask();
    const twice = async (step: () => Promise<unknown>): Promise<void> => {
      await Promise.all([step(), step()]);
      await step();
    };
    for (const step of [bed.judge, bed.prove, bed.stage, bed.drop, bed.delete]) await twice(step);
    expect(bed.slots()).toBe(family === "caReferences" ? "new -" : "- new");
    expect(bed.azure.faults.calls.get("dps.group.put")).toBeLessThanOrEqual(4);
    const journal = await bed.journalled();
    expect(new Set(journal).size).toBe(journal.length);
    expect(journal.filter((line) => line.startsWith("outcome group fleet") && line.endsWith("written"))).toHaveLength(
      2,
    );
  });

  it("notes the intent of every write before it and the outcome after it", async () => {
    const bed = new AuthorityBed(family, role);
    bed.addGroup();
    await bed.ask();
    await bed.stageAll();
    await bed.drop();
    await bed.delete();
    const drop = family === "caReferences" ? "promote-secondary" : "clear-primary";
    const ca = [
      "intent ca new-ca create",
      "outcome ca new-ca create created",
      "intent ca new-ca ask-for-code",
      "outcome ca new-ca ask-for-code issued",
      "intent ca new-ca verify",
      "outcome ca new-ca verify verified",
    ];
    expect(await bed.journalled()).toEqual([
      ...(uploads(role, family) ? ca : []),
      "intent group fleet fill-secondary",
      "outcome group fleet fill-secondary written",
      `intent group fleet ${drop}`,
      `outcome group fleet ${drop} written`,
      ...(uploads(role, family) ? ["intent ca old-ca delete", "outcome ca old-ca delete deleted"] : []),
    ]);
  });

  it("takes the other slot at the next roll", async () => {
    const bed = new AuthorityBed(family, role);
    bed.addGroup("secondary");
    await bed.ask();
    await bed.stageAll();
    expect(bed.slots()).toBe("new old");
  });
});

describe("the new CA is proven", () => {
  const waiting = async (): Promise<{ bed: AuthorityBed; code: string }> => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    bed.hasKey = false;
    await bed.ask();
    await bed.judge();
    expect(await bed.prove()).toEqual({ state: "awaiting" });
    const code = (await bed.trust()).possession?.verificationCode ?? "";
    expect(code).not.toBe("");
    return { bed, code };
  };
  const send = (bed: AuthorityBed, certificatePem: string) =>
    bed.submitPossession({
      rollId,
      body: Buffer.from(JSON.stringify({ certificatePem })),
      by: { kind: "person", id: "1", name: "Ada", roles: ["operator"] },
    });

  it("by a person, with a code that stays the same while he is waited for", async () => {
    const { bed, code } = await waiting();
    expect(await bed.prove()).toEqual({ state: "awaiting" });
    expect((await bed.trust()).possession?.verificationCode).toBe(code);
    expect(await send(bed, bed.proof(code))).toMatchObject({ outcome: "verified", authorityName: "new-ca" });
    expect(await bed.prove()).toEqual({ state: "verified" });
    expect((await bed.trust()).possession).toBeUndefined();
    expect(await bed.stage()).toEqual({ outcome: "done" });
    expect(JSON.stringify(await bed.journal.read(rollId, { limit: 1_000 }))).not.toContain(code);
  });

  it("by somebody else, by whatever means", async () => {
    const { bed } = await waiting();
    bed.azure.addAuthority("new-ca", bed.next.certificatePem);
    expect(await bed.prove()).toEqual({ state: "verified" });
  });

  it("not by a certificate for another code, which DPS never sees", async () => {
    const { bed, code } = await waiting();
    expect(await send(bed, bed.proof("FEED"))).toMatchObject({ outcome: "problem", code: "possession-refused" });
    expect((await bed.trust()).possession?.verificationCode).toBe(code);
    expect(bed.azure.faults.calls.get("dps.ca.verify")).toBeUndefined();
  });

  it("not by another key: the code is void then, and the next look asks for another", async () => {
    const { bed, code } = await waiting();
    expect(await send(bed, bed.proof(code, bed.old))).toMatchObject({ outcome: "problem", code: "possession-refused" });
    expect(await bed.prove()).toEqual({ state: "awaiting" });
    const next = (await bed.trust()).possession?.verificationCode;
    expect(next).not.toBe(code);
    expect(await send(bed, bed.proof(next ?? ""))).toMatchObject({ outcome: "verified" });
  });

  it("never with a private key in the text", async () => {
    const { bed } = await waiting();
    expect(await send(bed, bed.next.privateKeyPem)).toMatchObject({ outcome: "problem", code: "private-key-in-input" });
  });

  it("is no question while nobody waits for it", async () => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    await bed.ask();
    expect(await send(bed, bed.proof("FEED"))).toMatchObject({ outcome: "problem", code: "no-possession-awaited" });
  });
});

describe("the group is refused, and nothing written", () => {
  type Setting = (bed: AuthorityBed) => Promise<void> | void;
  const grouped =
    (o: Partial<Parameters<AuthorityBed["azure"]["addGroup"]>[0]>): Setting =>
    (bed) => {
      bed.azure.addGroup({ groupId: "fleet", caReferences: ["old-ca"], ...o });
    };
  const asking =
    (o: Parameters<AuthorityBed["ask"]>[0]): Setting =>
    async (bed) => {
      bed.addGroup();
      await bed.ask(o);
    };

  const withCa =
    (name: string, of: "anchor" | "next", o: { isVerified?: boolean; beside?: string } = {}): Setting =>
    (bed) => {
      bed.azure.addAuthority(name, bed[of].certificatePem, o.isVerified ?? true);
      bed.addGroup("primary", o.beside);
    };

  it.each<[string, Setting]>([
    ["unknown-group", () => undefined],
    ["attestation-not-x509", grouped({ other: "symmetricKey" })],
    ["adr-managed", grouped({ credentialPolicyName: "policy-1" })],
    ["update-hub-assignment-off", grouped({ updateHubAssignment: false })],
    ["slot-in-use", withCa("third", "anchor", { beside: "third" })],
    ["successor-missing", asking({ scope: { successor: {} } })],
    ["authority-missing", asking({ scope: { successor: { name: "nowhere" } } })],
    ["private-key-in-input", asking({ scope: { successor: { discarded: "private-key-in-input" } } })],
    ["certificate-unreadable", asking({ scope: { successor: { discarded: "certificate-unreadable" } } })],
    [
      "expired",
      (bed) => {
        bed.addGroup();
        bed.clock.pass(3_651 * 86_400_000);
      },
    ],
    ["certificate-in-use", withCa("other-name", "next", { isVerified: false })],
    ["name-taken", withCa("NEW-ca", "anchor")],
    [
      "certificate-in-other-entry",
      (bed) => {
        bed.addGroup();
        bed.azure.addAuthority("new-ca", bed.next.certificatePem);
        bed.azure.addGroup({ groupId: "sisters", caReferences: ["new-ca"] });
      },
    ],
    [
      "no-free-ca-slot",
      (bed) => {
        bed.addGroup();
        for (let n = 0; n < 24; n += 1) bed.azure.addAuthority(`spare-${n}`, bed.anchor.certificatePem);
      },
    ],
    [
      "nothing-to-retire",
      (bed) => {
        bed.azure.addAuthority("new-ca", bed.next.certificatePem);
        bed.azure.addGroup({ groupId: "fleet", caReferences: ["new-ca"] });
      },
    ],
  ])("%s", async (code, set) => {
    const bed = new AuthorityBed("caReferences", "root");
    await set(bed);
    await bed.ask();
    expect(await bed.judge()).toEqual({ outcome: "refused", code });
    const { refusal, successor } = await bed.trust();
    expect([refusal?.code, successor]).toEqual([code, undefined]);
    expect([...bed.azure.faults.calls.keys()].filter((call) => /put|generate|verify|delete/.test(call))).toEqual([]);
  });

  it("an intermediate below no verified CA", async () => {
    const bed = new AuthorityBed("signingCertificates", "intermediate");
    bed.azure.addAuthority("anchor", bed.anchor.certificatePem, false);
    bed.addGroup();
    await bed.ask();
    expect(await bed.judge()).toEqual({ outcome: "refused", code: "chain-not-anchored" });
  });

  it("is judged again once somebody has mended it", async () => {
    const bed = new AuthorityBed("signingCertificates", "intermediate");
    bed.azure.addAuthority("anchor", bed.anchor.certificatePem, false);
    bed.addGroup();
    await bed.ask();
    await bed.judge();
    bed.azure.addAuthority("anchor", bed.anchor.certificatePem);
    expect(await bed.judge()).toMatchObject({ outcome: "ready" });
    expect((await bed.trust()).refusal).toBeUndefined();
  });
});

describe("the world changes in mid-roll", () => {
  const staged = async (): Promise<AuthorityBed> => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    await bed.ask();
    await bed.stageAll();
    return bed;
  };

  it("a group never points at a CA that was deleted or replaced before it could", async () => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    await bed.ask();
    await bed.judge();
    await bed.prove();
    bed.azure.addAuthority("new-ca", bed.anchor.certificatePem);
    expect(await bed.stage()).toEqual({ outcome: "refused", code: "authority-unverified" });
    bed.azure.addAuthority("new-ca", bed.next.certificatePem, false);
    expect(await bed.stage()).toEqual({ outcome: "refused", code: "authority-unverified" });
    expect(bed.slots()).toBe("old -");
  });

  it("somebody took the new CA out of the group: the old one stays", async () => {
    const bed = await staged();
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["old-ca"] });
    expect(await bed.drop()).toEqual({ outcome: "refused", code: "successor-gone" });
    expect(bed.slots()).toBe("old -");
  });

  it("the group attests by certificates of its own now: nothing is written", async () => {
    const bed = await staged();
    bed.azure.addGroup({ groupId: "fleet", signingPems: [bed.old.certificatePem] });
    expect(await bed.drop()).toEqual({ outcome: "refused", code: "family-changed" });
  });

  it("a lost race is decided again on what stands then", async () => {
    const bed = await staged();
    bed.azure.faults.add({ operation: "dps.group.put", effect: { kind: "status", status: 412 }, times: 3 });
    expect(await bed.drop()).toEqual({ outcome: "dropped" });
    expect(bed.slots()).toBe("new -");
  });

  it("a write that was acknowledged and not done is done again, one whose answer was lost is not", async () => {
    const bed = await staged();
    bed.azure.faults.add({ operation: "dps.group.put", effect: { kind: "acknowledged-not-done" }, times: 1 });
    expect(await bed.drop()).toEqual({ outcome: "dropped" });
    bed.azure.faults.add({ operation: "dps.ca.delete", effect: { kind: "reply-lost" }, times: 1 });
    await expect(bed.delete()).rejects.toMatchObject({ code: "service-unavailable", retryable: true });
    expect(await bed.delete()).toEqual({ outcome: "retired" });
    expect(bed.azure.faults.calls.get("dps.ca.delete")).toBe(1);
  });

  it("DPS learns of the new CA later than Azure Resource Manager: the write is tried again", async () => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    await bed.ask();
    await bed.judge();
    await bed.prove();
    bed.azure.faults.add({ operation: "dps.group.put", effect: { kind: "status", status: 400 }, times: 1 });
    expect(await bed.stage()).toMatchObject({ outcome: "not-yet" });
    expect(await bed.stage()).toEqual({ outcome: "done" });
    expect((await bed.trust()).refusal).toBeUndefined();
  });
});

describe("the old CA stays", () => {
  const staged = async (o: Parameters<AuthorityBed["ask"]>[0] = {}): Promise<AuthorityBed> => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    await bed.ask(o);
    await bed.stageAll();
    return bed;
  };

  it("in the group while a device is not proven", async () => {
    const bed = await staged();
    await bed.rolls.update(rollId, (roll) => ({ ...roll, devices: 3 }));
    expect(await bed.drop()).toEqual({ outcome: "refused", code: "not-all-proven" });
    expect(bed.slots()).toBe("old new");
  });

  it("in the group until it has expired, where that was asked for; then the rest is locked out knowingly", async () => {
    const bed = await staged({ retire: { when: "old-expired" } });
    await bed.rolls.update(rollId, (roll) => ({ ...roll, devices: 3 }));
    expect(await bed.drop()).toEqual({ outcome: "refused", code: "old-not-expired" });
    bed.clock.pass(3_651 * 86_400_000);
    expect(await bed.drop()).toEqual({ outcome: "dropped" });
  });

  it("in the group after an abort", async () => {
    const bed = await staged();
    await bed.control.change(rollId, (current) => ({
      outcome: "changed",
      control: { ...current, desired: "aborted", revision: 1 },
      entry: {
        command: { verb: "abort", commandId: "1", by: "Ada", at: bed.clock.now() },
        before: "running",
        after: "aborted",
      },
    }));
    expect(await bed.drop()).toEqual({ outcome: "refused", code: "roll-aborted" });
  });

  it("in the group while somebody registered whom no roll holds", async () => {
    const bed = await staged();
    await bed.member("pump-1", bed.next);
    await bed.member("pump-2", bed.old, { claimed: false });
    expect(await bed.survey()).toEqual({ found: 1 });
    expect((await bed.trust()).refusal?.code).toBe("late-registrations");
  });

  it.each<[string, string, (bed: AuthorityBed) => void]>([
    [
      "authority-referenced",
      "another group names it",
      (bed) => {
        bed.azure.addGroup({ groupId: "sisters", caReferences: ["old-ca"] });
      },
    ],
    [
      "authority-referenced",
      "DPS does not let it go",
      (bed) => {
        bed.azure.faults.add({ operation: "dps.ca.delete", effect: { kind: "status", status: 400 } });
      },
    ],
    [
      "authority-leaned-on",
      "an individual enrollment holds a leaf of it",
      (bed) => {
        const { certificatePem } = issueLeaf({ commonName: "loner", issuer: bed.old });
        bed.azure.addEnrollment({ registrationId: "loner", primaryPem: certificatePem });
      },
    ],
  ])("in DPS as %s: %s", async (code, _what, set) => {
    const bed = await staged();
    set(bed);
    await bed.drop();
    expect(await bed.delete()).toEqual({ outcome: "kept", code });
    expect(bed.hasCa("old-ca")).toBe(true);
    expect((await bed.trust()).old).toMatchObject([{ name: "old-ca", state: "kept" }]);
  });

  it("in DPS while the chain of another group ends in it", async () => {
    const bed = await staged();
    const ica = createIntermediate({ commonName: "Sisters ICA", issuer: bed.old });
    bed.azure.addGroup({ groupId: "sisters", signingPems: [ica.certificatePem] });
    await bed.drop();
    expect(await bed.delete()).toEqual({ outcome: "kept", code: "authority-anchors-others" });
  });

  it("not where somebody put another certificate under its name: that one is left alone", async () => {
    const bed = await staged();
    await bed.drop();
    const stranger = createRoot({ commonName: "Stranger" });
    bed.azure.addAuthority("old-ca", stranger.certificatePem);
    expect(await bed.delete()).toEqual({ outcome: "retired" });
    expect(bed.hasCa("old-ca")).toBe(true);
  });
});

describe("two rolls want the same group or CA", () => {
  const other = RollId.parse("20260101T000000000Z-0badcafe");
  const begun = async (): Promise<AuthorityBed> => {
    const bed = new AuthorityBed("caReferences", "root");
    bed.addGroup();
    await bed.ask();
    return bed;
  };

  it.each([
    ["group", "fleet"],
    ["ca", "old-ca"],
    ["ca", "new-ca"],
  ] as const)("the later one is refused while another of its weight holds the %s %s", async (kind, id) => {
    const bed = await begun();
    await bed.targetClaims.claim({ rollId: other, priority: 0 }, kind, [{ id }]);
    expect(await bed.judge()).toEqual({ outcome: "refused", code: "trust-claimed" });
    expect((await bed.targetClaims.holders("group", ["fleet"])).get("fleet")?.rollId).toBe(
      kind === "group" ? other : undefined,
    );
    await bed.targetClaims.release(other, kind, [id]);
    expect(await bed.judge()).toMatchObject({ outcome: "ready" });
  });

  it("a breach takes over, and the superseded roll writes nothing more", async () => {
    const bed = await begun();
    await bed.judge();
    await bed.prove();
    await bed.targetClaims.claim({ rollId: other, priority: 3 }, "group", [{ id: "fleet" }]);
    expect(await bed.stage()).toEqual({ outcome: "refused", code: "superseded" });
    expect(await bed.drop()).toEqual({ outcome: "refused", code: "superseded" });
    expect(bed.slots()).toBe("old -");
    expect(bed.azure.faults.calls.get("dps.group.put")).toBeUndefined();
  });

  it("what was claimed is given back at the end", async () => {
    const bed = await begun();
    await bed.judge();
    await releaseTrust(bed.targetClaims, bed.blobs, rollId);
    expect((await bed.targetClaims.holders("group", ["fleet"])).size).toBe(0);
    expect((await bed.targetClaims.holders("ca", ["old-ca", "new-ca"])).size).toBe(0);
  });
});
