import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createIntermediate, createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { addMs } from "../../../shared/domain/instant";
import type { FrozenPlan } from "../../../shared/domain/plan/roll-plan";
import type { GroupScope, RollRequest } from "../../../shared/domain/roll/request";
import { otherRollId, rollId, t0 } from "../../support/builders";
import { codes, counts, DAY, groupId, PlanBed, type PlannedDevice } from "./plan-bed";

const page = readFileSync(join(__dirname, "../../../docs/errors.md"), "utf8");
const long = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 3_650 * DAY) };

/** Every code that a plan gave in this file; each has to be explained. */
const seen = new Set<string>();
afterAll(() => {
  expect([...seen].filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});

function remember(plan: FrozenPlan): FrozenPlan {
  for (const { code } of [...plan.refusals, ...plan.found.refusals, ...plan.warnings, ...plan.lockedOut])
    seen.add(code);
  for (const { code } of [...plan.found.warnings, ...plan.found.atRisk]) seen.add(code);
  return plan;
}

describe("a plan leaves a device out", () => {
  type Odd = (bed: PlanBed) => PlannedDevice;
  const fresh =
    (make: (bed: PlanBed) => Parameters<typeof issueLeaf>[0]): Odd =>
    (bed) =>
      bed.device("odd-1", { fresh: issueLeaf(make(bed)) });
  const base = (bed: PlanBed) => ({
    commonName: "odd-1",
    issuer: bed.root,
    notBefore: new Date(t0 - DAY),
    notAfter: new Date(t0 + 90 * DAY),
  });
  it.each<[string, string, Odd]>([
    ["common-name-differs", "of another name", fresh((bed) => ({ ...base(bed), commonName: "pump-x" }))],
    ["not-yet-valid", "that begins tomorrow", fresh((bed) => ({ ...base(bed), notBefore: new Date(t0 + DAY) }))],
    ["expired", "that is over", fresh((bed) => ({ ...base(bed), notAfter: new Date(t0 - 1_000) }))],
    [
      "expires-earlier",
      "that ends before the old one",
      fresh((bed) => ({ ...base(bed), notAfter: new Date(t0 + 5 * DAY) })),
    ],
    [
      "outlives-issuer",
      "that outlives its issuer",
      fresh((bed) => {
        const ica = createIntermediate({
          commonName: "Short ICA",
          issuer: bed.root,
          ...long,
          notAfter: new Date(t0 + 30 * DAY),
        });
        return { ...base(bed), issuer: ica };
      }),
    ],
    [
      "chain-not-anchored",
      "from a CA that DPS does not know",
      fresh((bed) => ({ ...base(bed), issuer: createRoot({ commonName: "Stranger", ...long }) })),
    ],
    [
      "replacement-missing",
      "without a new leaf",
      (bed) => bed.device("odd-1", { target: { replacement: { kind: "none" } } }),
    ],
    [
      "private-key-in-input",
      "whose input held a private key",
      (bed) => bed.device("odd-1", { target: { replacement: { kind: "discarded", code: "private-key-in-input" } } }),
    ],
    [
      "update-hub-assignment-off",
      "whose hub DPS may not update",
      (bed) => bed.device("odd-1", { enrollment: { updateHubAssignment: false } }),
    ],
    [
      "adr-managed",
      "whose certificates Azure Device Registry issues",
      (bed) => bed.device("odd-1", { enrollment: { credentialPolicyName: "policy-1" } }),
    ],
    [
      "slot-in-use",
      "both of whose slots are in use",
      (bed) => bed.device("odd-1", { enrollment: { secondaryPem: bed.leaf("odd-1", 20).certificatePem } }),
    ],
    [
      "enrollment-missing",
      "that DPS does not know",
      (bed) => {
        const { registrationId: _known, ...device } = bed.device("other-1");
        const registrationId = "odd-1" as PlannedDevice["registrationId"];
        return { ...device, registrationId, target: { ...device.target, registrationId } };
      },
    ],
  ])("with %s: one %s", async (code, _what, odd) => {
    const bed = new PlanBed();
    const targets = [bed.device("pump-1"), odd(bed)].map(({ target }) => target);
    const plan = remember(await bed.plan(bed.request("individual-expiry", targets)));
    expect(plan.refusals).toEqual([]);
    expect(plan.found).toMatchObject({ devices: 2, changing: 1 });
    expect(counts(plan.found.refusals)).toEqual({ [code]: 1 });
    expect(plan.found.refusals[0]?.examples).toEqual(["odd-1"]);
    expect(bed.writes).toEqual([]);
  });

  it("with same-key: whose new leaf is over the compromised key, which is contained all the same", async () => {
    const bed = new PlanBed();
    const device = bed.device("pump-1", { target: { compromisedSlots: ["primary"] } });
    const replacement = { kind: "inline", chainPem: device.old.chainPem } as const;
    const target = { ...device.target, compromisedPem: device.old.certificatePem, replacement };
    const plan = remember(await bed.plan(bed.request("individual-breach", [target], { dryRun: true })));
    expect(plan.found).toMatchObject({ devices: 1, changing: 1 });
    expect(counts(plan.found.refusals)).toEqual({ "same-key": 1 });
  });

  it("with claimed-by: that another roll has", async () => {
    const bed = new PlanBed();
    const [taken, free] = [bed.device("pump-1"), bed.device("pump-2")];
    await bed.targetClaims.claim({ rollId: otherRollId, priority: 1 }, "device", [{ id: "pump-1" }]);
    const plan = remember(await bed.plan(bed.request("individual-expiry", [taken.target, free.target])));
    expect(counts(plan.found.refusals)).toEqual({ "claimed-by": 1 });
    expect(plan.found.changing).toBe(1);
  });
});

describe("a plan refuses the roll", () => {
  it("with nothing-to-roll where every device is left out", async () => {
    const bed = new PlanBed();
    const { target } = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    const plan = remember(await bed.plan(bed.request("individual-expiry", [target])));
    expect(codes(plan.refusals)).toEqual(["nothing-to-roll"]);
    expect(await bed.steps.freezePlan({ rollId, batches: 1 })).toMatchObject({ refused: true });
  });

  it("with nothing-to-roll where another roll has every device", async () => {
    const bed = new PlanBed();
    const { target } = bed.device("pump-1");
    await bed.targetClaims.claim({ rollId: otherRollId, priority: 0 }, "device", [{ id: "pump-1" }]);
    expect(codes((await bed.plan(bed.request("individual-expiry", [target]))).refusals)).toEqual(["nothing-to-roll"]);
  });

  it("with canary-empty where the waves do not fit, and keeps the plan", async () => {
    const bed = new PlanBed();
    const { target } = bed.device("pump-1");
    const waves: RollRequest["waves"] = { kind: "canary", canary: { tag: "ring-0" }, percents: [] };
    const plan = remember(await bed.plan(bed.request("individual-expiry", [target], { waves })));
    expect(codes(plan.refusals)).toContain("canary-empty");
    expect(plan.found.devices).toBe(1);
  });

  it("with no-issuer where devices request certificates that nobody signs", async () => {
    const bed = new PlanBed();
    const { target } = bed.device("pump-1", { target: { replacement: { kind: "none" } } });
    const request = bed.request("individual-expiry", [target], { replacement: "csr" });
    expect(codes(remember(await bed.plan(request)).refusals)).toEqual(["no-issuer"]);
    const able = new PlanBed({ hasIssuer: true });
    able.device("pump-1");
    expect((await able.plan(request)).refusals).toEqual([]);
  });

  it("with csr-channel-suspect where a request would come over the compromised credential", async () => {
    const bed = new PlanBed();
    const { target } = bed.device("pump-1", {
      target: { compromisedSlots: ["primary"], replacement: { kind: "none" } },
    });
    const plan = await bed.plan(bed.request("individual-breach", [target], { dryRun: true, replacement: "csr" }));
    expect(codes(remember(plan).refusals)).toEqual(["csr-channel-suspect"]);
    // The replacement alone is refused.
    expect(plan.found.changing).toBe(1);
  });

  it("with hub-tier-too-low where a hub has no way to its devices", async () => {
    const bed = new PlanBed({ sku: { tier: "B1", units: 1 } });
    const { target } = bed.device("pump-1");
    const plan = remember(await bed.plan(bed.request("individual-expiry", [target])));
    expect(codes(plan.refusals)).toEqual(["hub-tier-too-low"]);
    expect(plan.pace).not.toHaveProperty("expectedSeconds");
  });

  describe("with no-window-before-expiry", () => {
    const nights = { windows: [{ cron: "0 2 * * SUN", timeZone: "UTC", durationMinutes: 60 }], freezes: [] };
    const plan = async (days: number, times: RollRequest["times"]) => {
      const bed = new PlanBed();
      const { target } = bed.device("pump-1", { days });
      return remember(await bed.plan(bed.request("individual-expiry", [target], times === undefined ? {} : { times })));
    };

    it("where no window opens a day before the first certificate ends", async () => {
      // The first of January 2026 is a Thursday; the first window opens on the fourth.
      expect(codes((await plan(4, nights)).refusals)).toEqual(["no-window-before-expiry"]);
    });

    it("not where one does, and says when the roll is over", async () => {
      const { refusals, pace } = await plan(10, nights);
      expect(refusals).toEqual([]);
      expect(pace.expectedEnd).toBeGreaterThanOrEqual(Date.UTC(2026, 0, 4, 2));
      expect(pace.expectedEnd).toBeLessThan(Date.UTC(2026, 0, 4, 3));
    });

    it("not where nobody set windows: there is nothing to gain by waiting", async () => {
      const { refusals, warnings } = await plan(0.5, undefined);
      expect(refusals).toEqual([]);
      expect(codes(warnings)).toEqual(["ends-too-soon"]);
    });

    it("where a freeze covers the time that is left", async () => {
      const freeze = { from: t0, until: addMs(t0, 20 * DAY), reason: "stocktaking" };
      expect(codes((await plan(10, { windows: [], freezes: [freeze] })).refusals)).toEqual(["no-window-before-expiry"]);
    });
  });
});

describe("a plan refuses a group roll", () => {
  type Setting = (bed: PlanBed) => Partial<GroupScope> | undefined;
  const successor = (bed: PlanBed, name = "fleet-root-2") => ({ name, chainPem: bed.newRoot.certificatePem });
  const group =
    (more: Parameters<PlanBed["group"]>[0] = {}): Setting =>
    (bed) => {
      bed.group(more);
      return { successor: successor(bed) };
    };
  it.each<[string, string, Setting]>([
    ["unknown-group", "that DPS does not have", (bed) => ({ successor: successor(bed) })],
    ["adr-managed", "whose leaves Azure Device Registry issues", group({ credentialPolicyName: "policy-1" })],
    ["update-hub-assignment-off", "whose devices' hub DPS may not update", group({ updateHubAssignment: false })],
    [
      "attestation-not-x509",
      "that attests by keys",
      (bed) => {
        bed.azure.addGroup({ groupId, other: "symmetricKey" });
        return { successor: successor(bed) };
      },
    ],
    [
      "successor-missing",
      "without a CA that takes over",
      (bed) => {
        bed.group();
        return {};
      },
    ],
    [
      "authority-missing",
      "whose successor DPS does not have",
      (bed) => {
        bed.group();
        return { successor: { name: "nowhere" } };
      },
    ],
    [
      "name-taken",
      "whose successor's name is another CA's",
      (bed) => {
        bed.group();
        return { successor: successor(bed, "fleet-root") };
      },
    ],
    [
      "slot-in-use",
      "both of whose slots are in use",
      (bed) => {
        bed.azure.addAuthority("fleet-root-3", createRoot({ commonName: "Fleet root 3", ...long }).certificatePem);
        bed.group({ caReferences: ["fleet-root", "fleet-root-3"] });
        return { successor: successor(bed) };
      },
    ],
    [
      "no-free-ca-slot",
      "where DPS holds 25 CAs",
      (bed) => {
        const other = createRoot({ commonName: "Another", ...long }).certificatePem;
        for (let n = 1; n < 25; n += 1) bed.azure.addAuthority(`other-${n}`, other);
        bed.group();
        return { successor: successor(bed) };
      },
    ],
    [
      "certificate-in-other-entry",
      "whose successor stands in another group",
      (bed) => {
        bed.azure.addAuthority("fleet-root-2", bed.newRoot.certificatePem);
        bed.azure.addGroup({ groupId: "other", caReferences: ["fleet-root-2"] });
        bed.group();
        return { successor: successor(bed) };
      },
    ],
    [
      "not-an-authority",
      "whose successor is a leaf",
      (bed) => {
        bed.group();
        return { successor: { name: "fleet-root-2", chainPem: bed.leaf("pump-1", 90).certificatePem } };
      },
    ],
  ])("with %s: one %s", async (code, _what, arrange) => {
    const bed = new PlanBed();
    const scope = { groupId, authority: "root" as const, ...arrange(bed) };
    const plan = remember(await bed.plan(bed.request("group-expiry", [], { group: scope })));
    expect(codes(plan.refusals)).toEqual([code]);
    expect(bed.writes).toEqual([]);
  });

  it.each<[string, Parameters<PlanBed["group"]>[0] | undefined]>([
    ["unknown-group", undefined],
    ["adr-managed", { credentialPolicyName: "policy-1" }],
    ["update-hub-assignment-off", { updateHubAssignment: false }],
    ["group-disabled", { provisioningStatus: "disabled" }],
  ])("with %s also where only leaves are rolled", async (code, more) => {
    const bed = new PlanBed();
    if (more !== undefined) {
      bed.group();
      bed.member("pump-1");
      bed.group(more);
    }
    const plan = remember(await bed.plan(bed.request("group-expiry", [], { group: { groupId, authority: "leaf" } })));
    expect(codes(plan.refusals)).toContain(code);
  });

  it("with chain-not-anchored: an intermediate below no root that DPS has verified", async () => {
    const bed = new PlanBed();
    bed.azure.addGroup({ groupId, signingPems: [bed.ica.certificatePem] });
    const stranger = createIntermediate({ commonName: "New ICA", issuer: bed.newRoot, ...long });
    const scope: GroupScope = { groupId, authority: "intermediate", successor: { chainPem: stranger.chainPem } };
    const plan = remember(await bed.plan(bed.request("group-expiry", [], { group: scope })));
    expect(codes(plan.refusals)).toEqual(["chain-not-anchored"]);
  });
});
