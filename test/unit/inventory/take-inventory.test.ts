import type { z } from "zod";
import { createIntermediate, createRoot, issueLeaf, selfSignedLeaf } from "../../../lab/pki/certificates";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { takeInventory, type InventoryCursor } from "../../../shared/contract/inventory";
import { DeviceId, type Sha256Thumbprint } from "../../../shared/domain/ids";
import { addMs, instant, type Instant } from "../../../shared/domain/instant";
import { InventoryId, type Finding, type InventorySummary } from "../../../shared/domain/inventory/inventory";
import type { DeviceRecord } from "../../../shared/domain/inventory/records";
import { createTakeInventory } from "../../../shared/steps/inventory/take-inventory";
import { FakeAzure, thumbprintOf } from "../../support/fake-azure";
import { MemoryInventoryStore } from "../../support/memory-inventory";
import { MemoryFactStore } from "../../support/memory-stores";

const now: Instant = instant(Date.UTC(2026, 0, 1));
const validity = { notBefore: new Date(now - 1_000), notAfter: new Date(now + 86_400_000) };
const root = createRoot({ commonName: "Fleet Root" });
const intermediate = createIntermediate({ commonName: "Fleet Line", issuer: root });
const leafOf = (commonName: string) => issueLeaf({ commonName, issuer: intermediate, ...validity });

type Taken = z.output<typeof takeInventory.output>;

function aBed() {
  const time = { now };
  const clock = { now: () => time.now };
  const azure = new FakeAzure({ clock });
  const inventories = new MemoryInventoryStore();
  const facts = new MemoryFactStore();
  const { enrollments, groups, registrations, authorities, hubs, blobs: exports } = azure;
  const deps = {
    clock,
    certificates: nodeCertificateReader,
    enrollments,
    groups,
    registrations,
    authorities,
    hubs,
    exports,
    facts,
    inventories,
  };
  const piece = createTakeInventory(deps);
  const step = async (input: Parameters<typeof piece>[0]): Promise<Taken> =>
    takeInventory.output.parse(JSON.parse(JSON.stringify(await piece(input))));
  const inventoryId = InventoryId.parse("20260101T000000000Z-00000001");

  /** Takes pieces until there is no next; `each` sees every cursor and may change it, or do something to Azure. */
  const take = async (
    each: (cursor: InventoryCursor) => InventoryCursor = (cursor) => cursor,
    id = inventoryId,
  ): Promise<number> => {
    let waitedMs = 0;
    for (let cursor: InventoryCursor = { at: "trust" }; ;) {
      const { next, waitMs = 0 } = await step({ inventoryId: id, startedAt: time.now, cursor: each(cursor) });
      waitedMs += waitMs;
      if (next === undefined) return waitedMs;
      cursor = next;
    }
  };
  const summary = async (): Promise<InventorySummary> => {
    const found = await inventories.latest();
    if (found === undefined) throw new Error("no inventory is finished");
    return found;
  };
  const devices = async (): Promise<DeviceRecord[]> => {
    const { inventoryId: id, shards } = await summary();
    const all: DeviceRecord[] = [];
    for (let shard = 0; shard < shards; shard += 1)
      for await (const one of inventories.readDevices(id, shard)) all.push(one);
    return all.sort((a, b) => (a.key < b.key ? -1 : 1));
  };
  const findings = async (): Promise<string[]> => {
    const all: Finding[] = [];
    for await (const one of inventories.readFindings((await summary()).inventoryId)) all.push(one);
    return all.map(({ code, subject }) => `${code} ${subject.id}`).sort();
  };
  return { time, azure, inventories, facts, step, take, summary, devices, findings, inventoryId };
}

/** 130 devices with enrollments of their own (more than a page), two of a group, and a hub identity nobody knows. */
function withFleet(bed: ReturnType<typeof aBed>): ReturnType<typeof aBed> {
  const { azure } = bed;
  azure.addAuthority("root", root.certificatePem);
  azure.addGroup({ groupId: "line", signingPems: [intermediate.certificatePem] });
  const shared = selfSignedLeaf({ commonName: "x", ...validity });
  for (let i = 0; i < 130; i += 1)
    azure.addEnrollment({ registrationId: `pump-${i}`, primaryPem: shared.certificatePem });
  const own = selfSignedLeaf({ commonName: "pump-7", ...validity });
  azure.addEnrollment({ registrationId: "pump-7", primaryPem: own.certificatePem });
  azure.register("pump-7", own.chainPem);
  for (const name of ["press-1", "press-2"]) azure.register(name, leafOf(name).chainPem);
  azure.addIdentity({ deviceId: DeviceId.parse("Stray"), primaryThumbprint: "AB".repeat(32) });
  return bed;
}

describe("an inventory", () => {
  it("puts together what DPS and the hubs say", async () => {
    const bed = withFleet(aBed());
    await bed.take();
    const { counts } = await bed.summary();
    expect(counts).toMatchObject({
      authorities: 1,
      groups: 1,
      enrollments: 130,
      registrations: 3,
      devices: 133,
      identities: [{ enabled: 4, disabled: 0, source: "export" }],
      leavesOfUnknownEnd: 3,
      unreadableLines: 0,
    });
    const all = await bed.devices();
    expect(all.find(({ key }) => key === "pump-7")).toMatchObject({
      enrollment: { attestation: "x509-client", primary: { subjectName: "CN=pump-7" } },
      registration: { status: "assigned" },
      identities: [{ deviceId: "pump-7" }],
    });
    expect(all.find(({ key }) => key === "press-1")).toMatchObject({ registrationId: "press-1", groupId: "line" });
    expect(all.find(({ key }) => key === "stray")).toMatchObject({ identities: [{ deviceId: "Stray" }] });
    const found = await bed.findings();
    expect(found).toContain("implicit-anchor root");
    expect(found).toContain("identity-without-entry stray");
    // pump-7 has a leaf of its own; of the other 129 each but the first shares one.
    expect(found.filter((line) => line.startsWith("certificate-in-two-entries"))).toHaveLength(128);
    expect(counts.findings).toMatchObject({ "certificate-in-two-entries": 128, "implicit-anchor": 1 });
  });

  it("is the same when every piece is done twice, and in three shards instead of one", async () => {
    const [once, twice] = [withFleet(aBed()), withFleet(aBed())];
    await twice.take((cursor) => {
      if (cursor.at === "join" && cursor.shards === 1) return { ...cursor, shards: 3 };
      return cursor;
    });
    const { inventoryId } = once;
    for (let cursor: InventoryCursor | undefined = { at: "trust" }; cursor !== undefined;) {
      await once.step({ inventoryId, startedAt: now, cursor });
      const again: Taken = await once.step({ inventoryId, startedAt: now, cursor });
      cursor = again.next;
    }
    const [a, b] = [await once.devices(), await twice.devices()];
    const withoutVersions = (all: DeviceRecord[]): unknown =>
      all.map(({ key, registrationId, groupId, identities }) => ({
        key,
        registrationId,
        groupId,
        at: identities.length,
      }));
    expect((await twice.summary()).shards).toBe(3);
    expect(withoutVersions(b)).toEqual(withoutVersions(a));
    // Which of two sharers is named depends on the order in which they are seen.
    expect((await twice.summary()).counts).toEqual((await once.summary()).counts);
  });

  it("believes a device when its leaf ends, as long as it speaks of the leaf that the hub lets in", async () => {
    const bed = withFleet(aBed());
    const leaf = leafOf("press-9");
    bed.azure.register("press-9", leaf.chainPem);
    const heard = (name: string, sha256Thumbprint: Sha256Thumbprint) => {
      const position = { enqueuedAt: now, partition: "0", sequenceNumber: 1 };
      const claimed = { position, sha256Thumbprint, notAfter: addMs(now, 5) };
      return { deviceId: DeviceId.parse(name), lastSeen: position, claimed };
    };
    await bed.facts.merge([
      heard("press-9", thumbprintOf(leaf.certificatePem)),
      heard("press-1", thumbprintOf(leaf.certificatePem)),
    ]);
    await bed.take();
    const all = await bed.devices();
    expect(all.find(({ key }) => key === "press-9")?.reported).toEqual({
      sha256Thumbprint: thumbprintOf(leaf.certificatePem),
      notAfter: addMs(now, 5),
    });
    expect(all.find(({ key }) => key === "press-1")?.reported).toBeUndefined();
    expect((await bed.summary()).counts.leavesOfUnknownEnd).toBe(3);
  });

  it("waits while another export has the only place, and asks the query index when that lasts", async () => {
    const bed = withFleet(aBed());
    const hub = bed.azure.hub();
    hub.jobs.busy = true;
    let looks = 0;
    await bed.take((cursor) => {
      if (cursor.at === "export") looks += 1;
      if (looks === 4) hub.jobs.busy = false;
      return cursor;
    });
    expect((await bed.summary()).counts.identities).toMatchObject([{ enabled: 4, source: "export" }]);

    hub.jobs.busy = true;
    const later = InventoryId.parse("20260102T000000000Z-00000001");
    const waitedMs = await bed.take(undefined, later);
    expect(waitedMs).toBeGreaterThan(8 * 60_000);
    expect(await bed.summary()).toMatchObject({
      inventoryId: later,
      counts: { identities: [{ enabled: 4, source: "query" }] },
    });
  });

  it("asks the query index where the hub refuses to export, and where the export is empty", async () => {
    const bed = withFleet(aBed());
    const undo = bed.azure.faults.add({ operation: "hub.job.create", effect: { kind: "status", status: 400 } });
    await bed.take();
    expect((await bed.summary()).counts.identities).toMatchObject([{ enabled: 4, source: "query" }]);
    undo();
    await bed.take((cursor) => {
      if (cursor.at === "export" && cursor.jobId === undefined && cursor.hub === 0)
        bed.azure.faults.add({ operation: "hub.job.create", effect: { kind: "acknowledged-not-done" }, times: 1 });
      return cursor;
    }, InventoryId.parse("20260102T000000000Z-00000001"));
    expect((await bed.summary()).counts.identities).toMatchObject([{ enabled: 4, source: "query" }]);
  });

  it("finds the export again whose start was never answered", async () => {
    const bed = withFleet(aBed());
    bed.azure.faults.add({ operation: "hub.job.create", effect: { kind: "reply-lost" }, times: 1 });
    const export0: InventoryCursor = {
      at: "export",
      hub: 0,
      looks: 0,
      progress: { lines: 0, queried: [], unreadable: 0 },
    };
    const input = { inventoryId: bed.inventoryId, startedAt: now, cursor: export0 };
    await expect(bed.step(input)).rejects.toMatchObject({ code: "service-unavailable" });
    expect((await bed.step(input)).next).toMatchObject({ at: "export", hub: 1, progress: { lines: 4 } });
    expect(bed.azure.faults.calls.get("hub.job.create")).toBe(1);
  });

  it("goes on where it was when a service throttles it in the middle of a list", async () => {
    const bed = withFleet(aBed());
    bed.azure.faults.add({
      operation: "dps.enrollment.query",
      effect: { kind: "status", status: 429, retryAfterSeconds: 3 },
      times: 1,
    });
    const enrollments: InventoryCursor = {
      at: "enrollments",
      page: 0,
      progress: { lines: 0, queried: [], unreadable: 0 },
    };
    const input = { inventoryId: bed.inventoryId, startedAt: now, cursor: enrollments };
    await expect(bed.step(input)).rejects.toMatchObject({ code: "service-throttled", retryAfterMs: 3_000 });
    await bed.take();
    expect((await bed.summary()).counts.enrollments).toBe(130);
  });

  it("finds the registration record of a device whose group is gone", async () => {
    const bed = withFleet(aBed());
    const registrationId = (await bed.azure.enrollments.list(undefined)).items[0]!.registrationId;
    bed.azure.dps.remove(registrationId);
    const hub = bed.azure.hub().port.hostName;
    const deviceId = DeviceId.parse(registrationId);
    bed.azure.setRegistration({ registrationId, deviceId, assignedHub: hub, status: "assigned" });
    bed.azure.addIdentity({ deviceId, primaryThumbprint: "CD".repeat(32) });
    await bed.take();
    expect(await bed.findings()).toContain(`orphaned-registration ${registrationId}`);
  });

  it("leaves alone what another one has begun, however many are finished meanwhile", async () => {
    const bed = withFleet(aBed());
    const slow = InventoryId.parse("20260101T000000000Z-0000000a");
    const quick = Array.from({ length: 9 }, (_, n) => InventoryId.parse(`20260101T00000000${n + 1}Z-00000001`));
    for (let cursor: InventoryCursor | undefined = { at: "trust" }; cursor !== undefined;) {
      const { next } = await bed.step({ inventoryId: slow, startedAt: now, cursor });
      const id = quick.pop();
      if (id !== undefined) await bed.take(undefined, id);
      cursor = next;
    }
    const kept = (await bed.inventories.list(100)).flatMap((one) => (one.state === "finished" ? [one.summary] : []));
    const counted = new Set(kept.map(({ counts }) => JSON.stringify([counts.devices, counts.registrations])));
    expect(kept.map(({ inventoryId }) => inventoryId)).toContain(slow);
    expect(counted.size).toBe(1);
  });

  it("keeps seven, and nothing but devices and findings of each", async () => {
    const bed = withFleet(aBed());
    const ids = Array.from({ length: 9 }, (_, day) => InventoryId.parse(`2026010${day + 1}T000000000Z-00000001`));
    await bed.inventories.begin(InventoryId.parse("20260101T000000001Z-00000001"), now);
    for (const id of ids) {
      await bed.take(undefined, id);
      bed.time.now = addMs(bed.time.now, 86_400_000 + 1);
    }
    expect(await bed.inventories.list(100)).toHaveLength(7);
    const [oldest] = ids;
    expect(bed.inventories.names(oldest)).toEqual([]);
    expect(bed.inventories.names(ids[8]).map((name) => name.slice(ids[8]!.length))).toEqual([
      "/devices/0",
      "/findings/devices-000",
      "/findings/fleet",
      "/trust",
    ]);
  });
});
