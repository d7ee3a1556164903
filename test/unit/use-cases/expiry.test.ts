import * as fc from "fast-check";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { findDue, judgeExpiry, share } from "../../../shared/domain/expiry/due";
import { DEFAULT_EXPIRY_RULES, ExpiryRule } from "../../../shared/domain/expiry/rule";
import { DeviceRecord } from "../../../shared/domain/inventory/records";
import { InventoryId } from "../../../shared/domain/inventory/inventory";
import { addMs, type Instant } from "../../../shared/domain/instant";
import { DEFAULT_POLICIES } from "../../../shared/domain/policy/policies";
import { createReadExpiry, rescueOf } from "../../../shared/use-cases/expiry/read-expiry";
import { createRunExpiry, type ExpiryRun } from "../../../shared/use-cases/expiry/run-expiry";
import { t0 } from "../../support/builders";
import { MemoryControlStore } from "../../support/memory-control";
import { MemoryPolicyStore, MemoryProposalStore } from "../../support/memory-intake";
import { MemoryInventoryStore } from "../../support/memory-inventory";
import { MemoryClaimStore, MemoryRollBlobs, MemoryRollStore } from "../../support/memory-stores";
import { HandClock } from "../steps/bed";
import { RecordingStarter } from "./door";

const DAY = 86_400_000;
const [LEAF = never()] = DEFAULT_EXPIRY_RULES;
const atDays = (days: number): Instant => addMs(t0, days * DAY);
const print = (id: string): string => nodeEntropy.sha256(id);

function never(): never {
  throw new Error("missing");
}

/** A device with an enrollment of its own whose leaves end after so many days. */
function enrolled(key: string, primaryDays: number, secondaryDays?: number): DeviceRecord {
  const leaf = (slot: string, days: number): object => ({
    ...{ sha256Thumbprint: print(`${key}${slot}`), subjectName: `CN=${key}`, notAfter: atDays(days) },
  });
  return DeviceRecord.parse({
    ...{ key, registrationId: key },
    enrollment: {
      ...{ provisioningStatus: "enabled", attestation: "x509-client", primary: leaf("p", primaryDays) },
      ...(secondaryDays === undefined ? {} : { secondary: leaf("s", secondaryDays) }),
    },
    identities: [identity(key, print(`${key}p`))],
  });
}

function identity(deviceId: string, primaryThumbprint: string): object {
  return { hub: "one.azure-devices.net", deviceId, status: "enabled", authentication: "selfSigned", primaryThumbprint };
}

/** A device that came through a group, as it says itself. */
function member(key: string, days: number): DeviceRecord {
  const reported = { sha256Thumbprint: print(key), notAfter: atDays(days) };
  return DeviceRecord.parse({
    ...{ key, registrationId: key, groupId: "fleet", reported, identities: [identity(key, print(key))] },
  });
}

class Timer {
  readonly clock = new HandClock();
  readonly inventories = new MemoryInventoryStore();
  readonly policies = new MemoryPolicyStore();
  readonly proposals = new MemoryProposalStore();
  readonly claims = new MemoryClaimStore();
  readonly rolls = new MemoryRollStore();
  readonly blobs = new MemoryRollBlobs();
  readonly control = new MemoryControlStore();
  readonly starter = new RecordingStarter();
  readonly read;

  constructor() {
    const { clock, inventories, proposals } = this;
    this.read = createReadExpiry({ clock, inventories, proposals });
  }

  run(): Promise<ExpiryRun | undefined> {
    const { clock, inventories, policies, proposals, claims, rolls, blobs, control } = this;
    const timing = { pulseHoldMs: 1, settleMs: 1, pollMs: 1, recheckMs: 1, attemptMs: 1, deadlineMs: 60_000 };
    const deps = {
      clock,
      inventories,
      policies,
      proposals,
      claims,
      rolls,
      blobs,
      control,
      entropy: nodeEntropy,
      timing,
    };
    return createRunExpiry(deps)(this.starter);
  }

  async inventory(...devices: readonly DeviceRecord[]): Promise<void> {
    const inventoryId = InventoryId.parse("20260101T000000000Z-00000001");
    await this.inventories.putTrust(inventoryId, { authorities: [], groups: [], unreadable: [] });
    await this.inventories.putDevices(inventoryId, 0, [...devices]);
    const none = {
      authorities: 0,
      groups: 0,
      enrollments: 0,
      registrations: 0,
      devices: 0,
      modules: 0,
      identities: [],
    };
    const counts = { ...none, findings: {}, leavesOfUnknownEnd: 0, unreadableLines: 0 };
    await this.inventories.finish({ inventoryId, startedAt: t0, finishedAt: t0, shards: 1, counts, unreadable: [] });
  }

  async rule(changes: Partial<ExpiryRule>): Promise<void> {
    const { version } = await this.policies.current();
    const expiry = [ExpiryRule.parse({ ...LEAF, spreadDays: 0, ...changes })];
    await this.policies.set({ version: version + 1, policies: { ...DEFAULT_POLICIES.policies, expiry } });
  }
}

describe("the expiry timer", () => {
  it("does nothing before the first inventory", async () => {
    expect(await new Timer().run()).toBeUndefined();
  });

  it("proposes what is due, once, however often it runs", async () => {
    const timer = new Timer();
    await timer.rule({});
    await timer.inventory(enrolled("a-1", 20), enrolled("b-1", 40), enrolled("c-1", 400));
    expect(await timer.run()).toMatchObject({ standing: { due: 1, warned: 1 }, noted: 1, started: [] });
    expect(await timer.run()).toMatchObject({ noted: 0, started: [] });
    expect(await timer.read.proposals({ limit: null, after: null })).toMatchObject({
      proposals: [{ registrationId: "a-1", state: "proposed", certificate: { level: "leaf", id: "a-1" } }],
    });
    expect(timer.starter.started).toEqual([]);
  });

  it("starts what the rule lets it start, each certificate once", async () => {
    const timer = new Timer();
    await timer.rule({ action: "start", approval: "required", replacement: { kind: "blob" } });
    await timer.inventory(enrolled("a-1", 20), enrolled("b-1", 3), member("c-1", 20), member("d-1", 21));
    const ran = await timer.run();
    expect(ran).toMatchObject({ standing: { due: 3, critical: 1 }, noted: 4 });
    expect(timer.starter.started).toEqual(ran?.started);
    const requests = await Promise.all(timer.starter.started.map((rollId) => timer.blobs.getRequest(rollId)));
    const byPlaybook = new Map(requests.map((request) => [request.playbook, request]));
    expect(byPlaybook.get("individual-expiry")).toMatchObject({
      targets: [{ registrationId: "a-1" }, { registrationId: "b-1" }],
      ...{ source: "expiry", approval: "required", replacement: "blob" },
    });
    expect(byPlaybook.get("group-expiry")).toMatchObject({
      group: { groupId: "fleet", authority: "leaf" },
      targets: [{ registrationId: "c-1" }, { registrationId: "d-1" }],
    });
    timer.clock.pass(DAY);
    expect(await timer.run()).toMatchObject({ noted: 0, started: [] });
    expect(timer.starter.started).toHaveLength(2);
  });

  it("starts each once also where two runs meet", async () => {
    const timer = new Timer();
    await timer.rule({ action: "start" });
    await timer.inventory(...Array.from({ length: 30 }, (_, n) => enrolled(`p-${n}`, 20)));
    await Promise.all([timer.run(), timer.run(), timer.run()]);
    timer.clock.pass(DAY);
    await timer.run();
    const requests = await Promise.all(timer.starter.started.map((rollId) => timer.blobs.getRequest(rollId)));
    const ids = requests.flatMap(({ targets }) => targets.map(({ registrationId }) => registrationId));
    expect(ids.sort()).toEqual(Array.from({ length: 30 }, (_, n) => `p-${n}`).sort());
  });

  it("takes up what a run that was cut off had begun", async () => {
    const timer = new Timer();
    await timer.rule({ action: "start" });
    await timer.inventory(enrolled("a-1", 20));
    const putRequest = timer.blobs.putRequest.bind(timer.blobs);
    timer.blobs.putRequest = () => Promise.reject(new Error("killed"));
    await expect(timer.run()).rejects.toThrow("killed");
    timer.blobs.putRequest = putRequest;
    expect(await timer.run()).toMatchObject({ started: [] });
    timer.clock.pass(DAY);
    expect((await timer.run())?.started).toHaveLength(1);
    expect((await timer.run())?.started).toHaveLength(0);
  });

  it("looks at what the hub accepts: a slot that the device has left behind runs out in peace", async () => {
    const timer = new Timer();
    await timer.rule({});
    const device = enrolled("a-1", 20, 300);
    const changedOver = DeviceRecord.parse({ ...device, identities: [identity("a-1", print("a-1s"))] });
    await timer.inventory(changedOver);
    expect(await timer.run()).toMatchObject({ standing: { due: 0 }, noted: 0 });
  });
});

describe("a rule", () => {
  it("spreads its rolls over the window, each at the same time at every look, none after the critical day", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 60 }), (id, days) => {
        const expiry = { id, notAfter: atDays(days) };
        const { rollAt, standing } = judgeExpiry(LEAF, expiry, t0);
        expect(judgeExpiry(LEAF, expiry, t0)).toEqual({ rollAt, standing });
        const left = (expiry.notAfter - rollAt) / DAY;
        if (days > LEAF.rollBeforeDays) {
          expect(left).toBeLessThanOrEqual(LEAF.rollBeforeDays);
          expect(left).toBeGreaterThan(LEAF.rollBeforeDays - LEAF.spreadDays);
        }
      }),
    );
  });

  it("gives numbered devices an even share", () => {
    const shares = Array.from({ length: 1_000 }, (_, n) => share(`pump-${n}`));
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const within = shares.filter((one) => one >= tenth / 10 && one < (tenth + 1) / 10).length;
      expect(within).toBeGreaterThan(60);
      expect(within).toBeLessThan(140);
    }
  });

  it.each([
    [400, undefined],
    [40, "warned"],
    [20, "due"],
    [7, "critical"],
    [0, "expired"],
  ])("judges %d days before the end: %s", (days, standing) => {
    const expiry = { level: "leaf", at: "enrollment", id: "a-1", sha256Thumbprint: print("x"), notAfter: atDays(days) };
    const rules = [{ ...LEAF, spreadDays: 0 }];
    expect(findDue(rules, expiry as Parameters<typeof findDue>[1], t0)?.standing).toBe(standing);
  });

  it("counts where it fits first, and nobody looks after what none fits", () => {
    const expiry = { level: "leaf", at: "enrollment", id: "Pump-1", sha256Thumbprint: print("x"), notAfter: atDays(5) };
    const rules = [
      { ...LEAF, name: "valves", target: "valve-*" },
      { ...LEAF, name: "pumps", target: "pump-*" },
    ];
    const found = findDue(rules, expiry as Parameters<typeof findDue>[1], t0);
    expect(found?.rule.name).toBe("pumps");
    expect(findDue(rules.slice(0, 1), expiry as Parameters<typeof findDue>[1], t0)).toBeUndefined();
  });
});

describe("the rescue list", () => {
  it.each<[string, DeviceRecord, string | undefined]>([
    ["a valid leaf", enrolled("a", 5), undefined],
    ["a leaf that ran out", enrolled("a", -1), "new-leaf-in-entry"],
    ["a valid leaf in the other slot", enrolled("a", -1, 30), "other-slot"],
    ["a group's leaf that ran out", member("a", -1), "any-leaf-of-the-group"],
    ["a leaf of unknown end", DeviceRecord.parse({ key: "a", identities: [identity("a", print("a"))] }), undefined],
  ])("has for a device with %s: %s", (_name, device, wayBack) => {
    expect(rescueOf(device, addMs(t0, 1))?.wayBack).toBe(wayBack);
  });

  it("is read page by page", async () => {
    const timer = new Timer();
    timer.clock.pass(10 * DAY);
    await timer.inventory(...Array.from({ length: 5 }, (_, n) => enrolled(`p-${n}`, 1)), enrolled("q", 90));
    const first = await timer.read.rescue({ limit: "3", after: null });
    expect(first).toMatchObject({ devices: [{ key: "p-0" }, { key: "p-1" }, { key: "p-2" }] });
    const { next } = first as { next: string };
    expect(await timer.read.rescue({ limit: "3", after: next })).toMatchObject({
      devices: [{ key: "p-3" }, { key: "p-4" }],
    });
  });

  it.each([
    ["0", null, "invalid-limit"],
    ["1001", null, "invalid-limit"],
    ["ten", null, "invalid-limit"],
    [null, "../../x", "invalid-cursor"],
  ])("refuses limit %s, after %s", async (limit, after, code) => {
    const { read } = new Timer();
    expect(await read.rescue({ limit, after })).toMatchObject({ code });
    expect(await read.proposals({ limit, after })).toMatchObject({ code });
  });
});
