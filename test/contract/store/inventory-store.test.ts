import { BlobInventoryStore } from "../../../shared/adapters/store/inventory-store";
import { InventoryId, type Finding, type InventorySummary } from "../../../shared/domain/inventory/inventory";
import type { DeviceRecord, GatheredLine, TrustRecord } from "../../../shared/domain/inventory/records";
import { addMs } from "../../../shared/domain/instant";
import type { InventoryStore } from "../../../shared/ports/inventory";
import { azuriteForThisFile } from "../../support/azurite";
import { aCa, aGroup, inDps } from "../../support/ca-entries";
import { MemoryInventoryStore } from "../../support/memory-inventory";
import { aDeviceRecord, anEnrollment, anIdentity, lines } from "../../unit/inventory/devices";
import { aRollId, start } from "./samples";

const storage = azuriteForThisFile();
const anId = (minute = 0): InventoryId => InventoryId.parse(aRollId(minute));

function aSummary(inventoryId: InventoryId): InventorySummary {
  const counts = {
    authorities: 1,
    groups: 0,
    enrollments: 2,
    registrations: 2,
    devices: 2,
    modules: 0,
    leavesOfUnknownEnd: 0,
    unreadableLines: 0,
  };
  return {
    inventoryId,
    startedAt: start,
    finishedAt: addMs(start, 5),
    shards: 1,
    counts: {
      ...counts,
      identities: [{ hub: anIdentity("x").hub, enabled: 2, disabled: 0, source: "export" }],
      findings: {},
    },
    unreadable: [],
  };
}

async function all<T>(from: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of from) items.push(item);
  return items;
}

describe.each<[string, () => InventoryStore]>([
  ["in memory", () => new MemoryInventoryStore()],
  ["on Azure Tables and Blobs", () => new BlobInventoryStore(storage.open())],
])("inventories %s", (_where, make) => {
  test("what was put is read back as it was, page by page and shard by shard", async () => {
    const store = make();
    const id = anId();
    const trust: TrustRecord = {
      authorities: [inDps(aCa("root"), true)],
      groups: [JSON.parse(JSON.stringify(aGroup("g", "root"))) as TrustRecord["groups"][number]],
      unreadable: [],
    };
    await store.putTrust(id, trust);
    expect(await store.getTrust(id)).toEqual(trust);

    const gathered: GatheredLine[] = [lines.enrollment(anEnrollment("a")), lines.identity(anIdentity("Pump_%2F"))];
    await store.putGathered(id, "enrollments-000001", gathered.slice(0, 1));
    await store.putGathered(id, "hub-0", gathered.slice(1));
    await store.putGathered(id, "hub-0", gathered.slice(1));
    await store.putGathered(anId(1), "hub-0", gathered);
    expect(await all(store.readGathered(id))).toEqual(gathered);

    const devices = [aDeviceRecord("a"), aDeviceRecord("b")];
    await store.putDevices(id, 0, devices);
    await store.putDevices(id, 10, []);
    expect(await all(store.readDevices(id, 0))).toEqual(devices);
    expect(await all(store.readDevices(id, 10))).toEqual([]);
    await expect(all(store.readDevices(id, 1))).rejects.toMatchObject({ code: "store-corrupt" });

    const finding: Finding = { code: "ca-unused", severity: "info", subject: { kind: "ca", id: "root" }, detail: "—" };
    await store.putFindings(id, "trust", [finding]);
    await store.putFindings(id, "devices-000", [{ ...finding, detail: "first" }]);
    expect((await all(store.readFindings(id))).map(({ detail }) => detail)).toEqual(["first", "—"]);

    await store.dropGathered(id);
    expect(await all(store.readGathered(id))).toEqual([]);
    expect(await all(store.readGathered(anId(1)))).toHaveLength(0);
  });

  test("fifty thousand lines go through as a stream, also a reader who stops in the middle", async () => {
    const store = make();
    const id = anId();
    const many = function* (): Generator<DeviceRecord> {
      for (let i = 0; i < 50_000; i += 1) yield { key: `pump-${i}`, identities: [] };
    };
    await store.putDevices(id, 0, many());
    let count = 0;
    let inOrder = true;
    for await (const device of store.readDevices(id, 0)) {
      inOrder &&= device.key === `pump-${count}`;
      count += 1;
    }
    expect({ count, inOrder }).toEqual({ count: 50_000, inOrder: true });
    for await (const device of store.readDevices(id, 0)) {
      expect(device.key).toBe("pump-0");
      break;
    }
  });

  test("the newest finished one is the one that is asked; begun ones are listed", async () => {
    const store = make();
    expect(await store.latest()).toBeUndefined();
    const [old, young, begun] = [anId(1), anId(2), anId(3)] as const;
    for (const id of [young, old, begun]) await store.begin(id, start);
    expect(await store.latest()).toBeUndefined();
    await store.finish(aSummary(young));
    await store.finish(aSummary(old));
    expect(await store.latest()).toEqual(aSummary(young));
    // A start whose row is written late must not undo a quick end.
    await store.begin(young, start);
    expect(await store.latest()).toEqual(aSummary(young));
    expect((await store.list(2)).map(({ state }) => state)).toEqual(["begun", "finished"]);
    expect(await store.get(begun)).toEqual({ state: "begun", inventoryId: begun, startedAt: start });
    expect(await store.get(anId(4))).toBeUndefined();
  });

  test("a forgotten one is gone with all its lines, and may be forgotten twice", async () => {
    const store = make();
    const [id, other] = [anId(1), anId(2)];
    for (const one of [id, other]) {
      await store.putDevices(one, 0, [aDeviceRecord("a")]);
      await store.finish(aSummary(one));
    }
    await store.forget(id);
    await store.forget(id);
    expect(await store.get(id)).toBeUndefined();
    await expect(all(store.readDevices(id, 0))).rejects.toMatchObject({ code: "store-corrupt" });
    expect(await all(store.readDevices(other, 0))).toHaveLength(1);
  });
});
