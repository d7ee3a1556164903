import fc from "fast-check";
import type { ExpiringView, LintsView } from "../../../shared/contract/inventory-api";
import { InventoryId, type Finding, type InventorySummary } from "../../../shared/domain/inventory/inventory";
import type { TrustRecord } from "../../../shared/domain/inventory/records";
import { formatInstant } from "../../../shared/domain/instant";
import type { Problem } from "../../../shared/domain/outcome";
import { createReadInventory } from "../../../shared/use-cases/inventory/read-inventory";
import { createRefreshInventory } from "../../../shared/use-cases/inventory/refresh";
import { aCa, aGroup, inDps } from "../../support/ca-entries";
import { MemoryInventoryStore } from "../../support/memory-inventory";
import { aDeviceRecord, aSlot, days, east, now } from "./devices";

const first = InventoryId.parse("20260101T000000000Z-00000001");
const second = InventoryId.parse("20260102T000000000Z-00000001");

async function anInventory(
  inventories: MemoryInventoryStore,
  inventoryId: InventoryId,
  ends: readonly number[],
): Promise<void> {
  const plant = { ...aCa("plant", "root"), notAfter: days(30) };
  const trust: TrustRecord = {
    authorities: [inDps({ ...aCa("root"), notAfter: days(400) }, true)],
    groups: [JSON.parse(JSON.stringify(aGroup("line", plant))) as TrustRecord["groups"][number]],
    unreadable: [],
  };
  const devices = ends.map((end, at) =>
    aDeviceRecord(`pump-${at}`, {
      enrollment: {
        provisioningStatus: "enabled",
        attestation: "x509-client",
        primary: aSlot(`p${at}`, days(end), "plant"),
      },
    }),
  );
  const findings = devices.map(({ key }, at): Finding => ({
    code: at % 2 === 0 ? "leaf-expired" : "shared-leaf-key",
    severity: at % 2 === 0 ? "info" : "critical",
    subject: { kind: "device", id: key },
    detail: "…",
  }));
  const summary: InventorySummary = {
    inventoryId,
    startedAt: now,
    finishedAt: now,
    shards: 2,
    counts: {
      ...{ authorities: 1, groups: 1, enrollments: ends.length, registrations: ends.length, devices: ends.length },
      ...{ modules: 0, leavesOfUnknownEnd: 3, unreadableLines: 0, findings: { "leaf-expired": 1 } },
      identities: [{ hub: east, enabled: ends.length, disabled: 0, source: "export" }],
    },
    unreadable: [],
  };
  await inventories.putTrust(inventoryId, trust);
  await inventories.putDevices(inventoryId, 0, devices.slice(0, 2));
  await inventories.putDevices(inventoryId, 1, devices.slice(2));
  await inventories.putFindings(inventoryId, "devices", findings);
  await inventories.finish(summary);
}

async function aReader(ends: readonly number[]) {
  const inventories = new MemoryInventoryStore();
  await anInventory(inventories, first, ends);
  return { inventories, read: createReadInventory({ clock: { now: () => now }, inventories }) };
}

const before = formatInstant(days(1_000));

describe("questions to an inventory", () => {
  it("page by page give everything once, soonest first, whatever the page's length", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (ends, limit) => {
          const { read } = await aReader(ends);
          const seen: string[] = [];
          for (let after: string | undefined = ""; after !== undefined;) {
            const page: ExpiringView | Problem = await read.expiring({
              before,
              limit: String(limit),
              ...(after === "" ? {} : { after }),
            });
            if ("outcome" in page) throw new Error(page.detail);
            expect(page.counts).toEqual({ root: 1, intermediate: 1, leaf: ends.length });
            seen.push(...page.certificates.map(({ notAfter }) => notAfter));
            after = page.next;
          }
          expect(seen).toEqual([...ends, 30, 400].sort((a, b) => a - b).map((end) => formatInstant(days(end))));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("tell what ends within ninety days unless they say otherwise, and one level if asked", async () => {
    const { read } = await aReader([10, 100]);
    expect(await read.expiring({})).toMatchObject({
      counts: { root: 0, intermediate: 1, leaf: 1 },
      leavesOfUnknownEnd: 3,
    });
    expect(await read.expiring({ before, level: "root" })).toMatchObject({
      counts: { root: 1, intermediate: 0, leaf: 0 },
    });
  });

  it("go on in the inventory that they began in, though a newer one is there", async () => {
    const { inventories, read } = await aReader([1, 2, 3]);
    const { next } = (await read.lints({ limit: "2" })) as LintsView;
    await anInventory(inventories, second, [1]);
    expect(await read.lints({ limit: "2", after: next ?? "" })).toMatchObject({
      inventoryId: first,
      findings: [{ subject: { id: "pump-2" } }],
    });
    expect(await read.lints({})).toMatchObject({ inventoryId: second });
    await inventories.forget(first);
    expect(await read.lints({ limit: "2", after: next ?? "" })).toMatchObject({ code: "unknown-inventory" });
  });

  it("filter findings by kind and by weight", async () => {
    const { read } = await aReader([1, 2, 3]);
    expect(await read.lints({ severity: "critical" })).toMatchObject({ findings: [{ code: "shared-leaf-key" }] });
    expect((await read.lints({ lint: "leaf-expired" })) as LintsView).toMatchObject({ findings: [{}, {}] });
  });

  it("about an intermediate come with what to do about it", async () => {
    const { read } = await aReader([1]);
    const plant = aCa("plant").sha256Thumbprint;
    expect(await read.blastRadius({ thumbprint: plant.toLowerCase() })).toMatchObject({
      target: { kind: "ca", id: plant },
      devices: { certain: 1, possible: 0 },
      hubs: [{ hub: east, devices: 1, enabled: 1 }],
      groups: [{ groupId: "line", how: "holds" }],
      remedies: [{ variant: "replace-in-place", groupId: "line" }],
      struck: [{ device: "pump-0", certainty: "certain" }],
    });
    expect(await read.blastRadius({ ca: "ROOT" })).toMatchObject({
      remedies: [],
      implicitlyAnchored: [{ groupId: "line", sole: true, certainty: "certain" }],
    });
  });

  it("need an inventory", async () => {
    const read = createReadInventory({ clock: { now: () => now }, inventories: new MemoryInventoryStore() });
    for (const answer of [await read.expiring({}), await read.lints({}), await read.blastRadius({ ca: "x" })])
      expect(answer).toMatchObject({ outcome: "problem", code: "no-inventory" });
    expect(await read.get("x")).toMatchObject({ code: "unknown-inventory" });
  });
});

describe("a new inventory", () => {
  const entropy = { randomHex: () => "0000abcd", sha256: () => "" };
  it("is listed as begun from its start", async () => {
    const inventories = new MemoryInventoryStore();
    const refresh = createRefreshInventory({ clock: { now: () => now }, entropy, inventories });
    const begun = await refresh({ start: () => Promise.resolve({ outcome: "started" }) });
    expect(begun).toEqual({ outcome: "started", inventoryId: "20260101T000000000Z-0000abcd" });
    const read = createReadInventory({ clock: { now: () => now }, inventories });
    expect(await read.list()).toEqual({
      inventories: [{ inventoryId: begun.inventoryId, state: "begun", startedAt: formatInstant(now) }],
    });
  });

  it("is not begun while another is being taken", async () => {
    const inventories = new MemoryInventoryStore();
    const refresh = createRefreshInventory({ clock: { now: () => now }, entropy, inventories });
    const answer = await refresh({ start: () => Promise.resolve({ outcome: "running", inventoryId: first }) });
    expect(answer).toEqual({ outcome: "running", inventoryId: first });
    expect(await inventories.list(10)).toEqual([]);
  });
});
