import { canonicalJson } from "../../../shared/domain/plan/canonical-json";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { DeviceId, HubHostName, RegistrationId } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import type { WavePolicy } from "../../../shared/domain/pacing/wave-policy";
import type { GroupScope, RollTarget } from "../../../shared/domain/roll/request";
import { documents } from "../../../shared/steps/roll-documents";
import { otherRollId, rollId, t0 } from "../../support/builders";
import { codes, counts, DAY, groupId, PlanBed } from "./plan-bed";

const hub = "lab-hub.azure-devices.net";

describe("the plan of an individual expiry roll", () => {
  it("says how many devices, on which hubs, in which waves and steps", async () => {
    const bed = new PlanBed({ hubNames: [hub, "lab-hub-2.azure-devices.net"] });
    const devices = [
      bed.device("pump-1"),
      bed.device("pump-2", { days: 5 }),
      bed.device("pump-3", { hub: "lab-hub-2.azure-devices.net" }),
    ];
    const waves = {
      kind: "canary",
      canary: { count: 1 },
      percents: [],
      canaryRules: { gate: "approval" },
    } satisfies WavePolicy;
    const plan = await bed.plan(
      bed.request(
        "individual-expiry",
        devices.map(({ target }) => target),
        { waves },
      ),
    );
    expect(plan.refusals).toEqual([]);
    expect(plan.found).toMatchObject({ devices: 3, changing: 3, refusals: [], firstNotAfter: t0 + 5 * DAY });
    expect(plan.found.hubs).toEqual([
      { host: "lab-hub-2.azure-devices.net", devices: 1 },
      { host: hub, devices: 2 },
    ]);
    expect(plan.waves).toMatchObject([
      { name: "canary", size: 1, gate: "approval" },
      { name: "wave-1", size: 2, gate: "auto" },
    ]);
    expect(plan.steps.map(({ phase }) => phase)).toEqual(["requested", "planning", "rolling", "retiring", "finished"]);
    expect(plan.irreversible).toHaveLength(1);
    expect(plan.irreversible[0]).toMatch(/^retiring: .*old slot/);
    expect(plan.groups).toEqual([]);
    expect(plan.approval.required).toBe(false);
  });

  it("leaves out whom the rules refuse, names some of them, and goes on with the rest", async () => {
    const bed = new PlanBed();
    const good = bed.device("pump-1");
    const bad = Array.from({ length: 7 }, (_, n) => {
      const id = `valve-${n}`;
      return bed.device(id, { fresh: bed.leaf("somebody-else", 90) });
    });
    const off = bed.device("pump-2", { enrollment: { updateHubAssignment: false } });
    const targets = [good, ...bad, off].map(({ target }) => target);
    const { found, refusals } = await bed.plan(bed.request("individual-expiry", targets));
    expect(refusals).toEqual([]);
    expect(found).toMatchObject({ devices: 9, changing: 1 });
    expect(counts(found.refusals)).toEqual({ "common-name-differs": 7, "update-hub-assignment-off": 1 });
    expect(found.refusals[0]?.examples).toHaveLength(5);
  });

  it("writes nothing to Azure, and asks each hub once per device", async () => {
    const bed = new PlanBed();
    const devices = [bed.device("pump-1"), bed.device("pump-2")];
    await bed.plan(
      bed.request(
        "individual-expiry",
        devices.map(({ target }) => target),
      ),
    );
    expect(bed.writes).toEqual([]);
  });

  it("stands once it is frozen, whatever changes since", async () => {
    const bed = new PlanBed();
    const device = bed.device("pump-1");
    const first = await bed.plan(bed.request("individual-expiry", [device.target]));
    bed.clock.pass(DAY);
    bed.azure.addEnrollment({ registrationId: "pump-1", primaryPem: device.fresh.certificatePem });
    await bed.examine(rollId, 1);
    const again = await bed.steps.freezePlan({ rollId, batches: 1 });
    expect(again.planHash).toBe(first.planHash);
    expect((await bed.rolls.get(rollId))?.planHash).toBe(first.planHash);
  });

  it("has a hash that anybody can check, and that covers the state of every entry", async () => {
    const bed = new PlanBed();
    const device = bed.device("pump-1");
    const { planHash, ...plan } = await bed.plan(bed.request("individual-expiry", [device.target]));
    expect(nodeEntropy.sha256(canonicalJson(plan))).toBe(planHash);

    const stated = await bed.blobs.findDocument(rollId, documents.preconditions(0));
    expect(stated?.devices).toMatchObject([
      {
        registrationId: "pump-1",
        decision: "change",
        newLeaf: device.fresh.sha256Thumbprint,
        slot: "secondary",
        entry: { primary: device.old.sha256Thumbprint, provisioningStatus: "enabled" },
        identities: [{ hub, status: "enabled", primary: device.old.sha256Thumbprint }],
      },
    ]);
    const batch = nodeEntropy.sha256(canonicalJson(stated));
    expect(plan.found.sha256).toBe(nodeEntropy.sha256(nodeEntropy.sha256(batch)));
  });

  it("names who shares keys with the hub, and who has not been heard for long", async () => {
    const bed = new PlanBed();
    const heard = bed.device("pump-1");
    const silent = bed.device("pump-2");
    const never = bed.device("pump-3");
    bed.azure.addIdentity({ deviceId: never.deviceId, primaryThumbprint: "", authentication: "sas" });
    const at = (ms: number) => ({ enqueuedAt: addMs(t0, ms), partition: "0", sequenceNumber: 1 });
    bed.clock.pass(40 * DAY);
    await bed.facts.merge([
      { deviceId: heard.deviceId, lastSeen: at(39 * DAY) },
      { deviceId: silent.deviceId, lastSeen: at(0) },
    ]);
    // Their leaves have ended by now; a longer one takes over all the same.
    const targets = [heard, silent, never].map(({ target }) => target);
    const { found, warnings } = await bed.plan(bed.request("individual-expiry", targets));
    expect(counts(found.warnings)).toMatchObject({ "sas-authentication": 1 });
    expect(counts(found.atRisk)).toEqual({ "long-silent": 1, "never-heard": 1 });
    expect(codes(warnings)).toEqual(["ends-too-soon"]);
  });

  it("says which quota binds and how long it takes, at the size of the hub", async () => {
    const targets = (bed: PlanBed) => Array.from({ length: 100 }, (_, n) => bed.device(`pump-${n}`).target);
    const small = new PlanBed({ allowance: { dps: { operationsPerMinute: 10, registrationsPerMinute: 1_000 } } });
    const { pace } = await small.plan(small.request("individual-expiry", targets(small)));
    expect(pace.binding).toEqual({ resource: "operations" });
    // Two writes per device, each read before, one read after and one proven, at 9 per minute; and a minute for the last one.
    expect(pace.expectedSeconds).toBeCloseTo(6 * (100 / 9) * 60 + 60, 0);
    // 10 at once, then 10 per minute, twice.
    expect(pace.limitSeconds).toBeCloseTo(2 * 9 * 60, 0);
    expect(pace.expectedEnd).toBeGreaterThan(t0 + 1_300_000);
  });

  it("looks at more batches than fit one page", async () => {
    const bed = new PlanBed();
    bed.group();
    const assignedHub = HubHostName.parse(hub);
    for (let n = 0; n < 1_441; n += 1) {
      const registrationId = RegistrationId.parse(`pump-${n}`);
      const deviceId = DeviceId.parse(registrationId);
      bed.azure.setRegistration({ registrationId, deviceId, assignedHub, status: "assigned" }, groupId);
    }
    const plan = await bed.plan(bed.request("group-expiry", [], { group: { groupId, authority: "leaf" } }));
    expect(plan.found).toMatchObject({ devices: 1_441, changing: 1_441, hubs: [{ host: hub, devices: 1_441 }] });
    expect(counts(plan.found.atRisk)).toEqual({ "never-heard": 1_441 });
    expect(plan.found.atRisk[0]?.examples).toHaveLength(5);
  });
});

describe("the plan of a breach", () => {
  it("is made in a dry run by the rules that containment would use, and nothing is kept", async () => {
    const bed = new PlanBed();
    const good = bed.device("pump-1", {
      target: { compromisedSlots: ["primary"], selfHeals: true, standbyLeaf: true },
    });
    const bad = bed.device("pump-2", {
      fresh: bed.leaf("pump-x", 90),
      target: { compromisedSlots: ["primary"], selfHeals: false },
    });
    const unsure = bed.device("pump-3", { target: { compromisedSlots: ["primary"] } });
    bed.azure.hub().addModule(good.deviceId, "camera");
    const targets = [good, bad, unsure].map(({ target }) => target);
    const plan = await bed.plan(bed.request("individual-breach", targets, { dryRun: true }));
    expect(bed.writes).toEqual([]);
    expect(await bed.targetClaims.holders("device", ["pump-1", "pump-2", "pump-3"])).toEqual(new Map());
    expect(plan.dryRun).toBe(true);
    // A refused replacement does not keep a device from being contained.
    expect(plan.found).toMatchObject({ devices: 3, changing: 3 });
    expect(counts(plan.found.refusals)).toEqual({ "common-name-differs": 1 });
    expect(plan.found.atRisk.find(({ code }) => code === "way-back-unknown")?.examples).toEqual(["pump-3"]);
    expect(plan.found.modules).toEqual({ found: 1, examples: ["pump-1/camera"], notExamined: 0 });
    expect(codes(plan.warnings)).toEqual(["residual-access"]);
    expect(plan.lockedOut).toMatchObject([{ code: "no-way-back", devices: 1, examples: ["pump-2"] }]);
    expect((await bed.batches.read(rollId, 0)).rows.every(({ refusal }) => refusal === undefined)).toBe(true);
  });

  it("judges the leaves of a container too, and keeps none of them", async () => {
    const bed = new PlanBed();
    const none: Partial<RollTarget> = { compromisedSlots: ["primary"], replacement: { kind: "none" } };
    const [good, late] = ["pump-1", "pump-2"].map((name) => bed.device(name, { target: none }));
    bed.replacements.blobs.set(good!.target.registrationId, good!.fresh.chainPem);
    const targets = [good!.target, late!.target];
    const plan = await bed.plan(bed.request("individual-breach", targets, { dryRun: true, replacement: "blob" }));
    expect(counts(plan.found.warnings)).toMatchObject({ "replacement-missing": 1 });
    expect(await bed.replacements.kept(rollId, good!.target.registrationId)).toBeUndefined();
  });

  it("calls it irreversible that identities are deleted", async () => {
    const bed = new PlanBed();
    const { target } = bed.device("pump-1", { target: { compromisedSlots: ["primary"] } });
    const plan = await bed.plan(bed.request("individual-breach", [target], { dryRun: true, containment: "delete" }));
    expect(plan.irreversible).toHaveLength(1);
    expect(plan.irreversible[0]).toMatch(/deleted/);
    expect(plan.pace.binding.resource).toBe("registry");
  });

  it("names every group that the compromised CA opens", async () => {
    const bed = new PlanBed();
    bed.group();
    bed.azure.addGroup({ groupId: "below", signingPems: [bed.ica.certificatePem] });
    bed.member("pump-1");
    const group: GroupScope = { groupId, authority: "root", compromised: { slots: ["primary"] } };
    const plan = await bed.plan(bed.request("group-breach", [], { dryRun: true, group }));
    expect(plan.groups.map((one) => one.groupId)).toEqual(["fleet", "below"]);
    expect(plan.irreversible).toEqual([]);
    expect(bed.writes).toEqual([]);
  });
});

describe("the plan of a CA roll", () => {
  const successor = (bed: PlanBed) => ({ name: "fleet-root-2", chainPem: bed.newRoot.certificatePem });

  it("says which CA comes and goes, what stays, and who is locked out", async () => {
    const bed = new PlanBed();
    bed.group();
    bed.member("pump-1");
    // Its intermediate is anchored in the old root by nothing else.
    bed.azure.addGroup({ groupId: "below", signingPems: [bed.ica.certificatePem] });
    const group = { groupId, authority: "root", successor: successor(bed) } as const;
    const plan = await bed.plan(bed.request("group-expiry", [], { group, replacement: "device-managed" }));
    expect(plan.refusals).toEqual([]);
    expect(plan.found).toMatchObject({ devices: 1, changing: 1 });
    expect(plan.authorities).toMatchObject([
      { name: "fleet-root-2", sha256Thumbprint: bed.newRoot.sha256Thumbprint },
      { name: "fleet-root", sha256Thumbprint: bed.root.sha256Thumbprint },
    ]);
    expect(plan.authorities[1]?.change).toMatch(/stays in DPS, because these groups need it: below/);
    expect(plan.groups).toMatchObject([{ groupId: "fleet" }]);
    expect(plan.irreversible.join("\n")).toMatch(/fleet-root leaves the group/);
    expect(codes(plan.lockedOut)).toEqual(["never-registered"]);
    expect(plan.approval).toMatchObject({ required: true });
    expect(plan.steps.map(({ phase }) => phase)).toEqual([
      ...["requested", "planning", "awaiting-approval", "staging", "rolling", "retiring", "finished"],
    ]);
    expect(bed.writes).toEqual([]);
  });

  it("needs no approval where the installation leaves that to the order", async () => {
    const bed = new PlanBed({ approvals: "as-ordered" });
    bed.group();
    const group = { groupId, authority: "root", successor: successor(bed) } as const;
    const request = bed.request("group-expiry", [], { group });
    expect((await bed.plan(request)).approval.required).toBe(false);
    expect((await bed.plan({ ...request, approval: "required" }, otherRollId)).approval.required).toBe(true);
  });

  it("has nothing to stage or retire at DPS for leaves", async () => {
    const bed = new PlanBed();
    bed.group();
    bed.member("pump-1");
    const plan = await bed.plan(bed.request("group-expiry", [], { group: { groupId, authority: "leaf" } }));
    expect(plan.steps.map(({ phase }) => phase)).toEqual(["requested", "planning", "rolling", "finished"]);
    expect([plan.groups, plan.authorities, plan.irreversible, plan.lockedOut]).toEqual([[], [], [], []]);
  });
});
