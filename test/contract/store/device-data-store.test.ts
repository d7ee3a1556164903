import { TableDeviceDataStore } from "../../../shared/adapters/store/device-data-store";
import { DeviceId, HubHostName } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import type { DeviceDataStore } from "../../../shared/ports/device-data";
import { azuriteForThisFile, operations } from "../../support/azurite";
import { MemoryDeviceDataStore } from "../../support/memory-devices";
import { start } from "./samples";

const storage = azuriteForThisFile();
const hub = HubHostName.parse("lab-hub.azure-devices.net");
const id = (text: string): DeviceId => DeviceId.parse(text);
const seen = (text: string, generationId: string | undefined, minute = 0) => ({
  deviceId: id(text),
  hub,
  generationId,
  at: addMs(start, minute * 60_000),
});

describe.each<[string, () => DeviceDataStore]>([
  ["in memory", () => new MemoryDeviceDataStore()],
  ["on Azure Tables", () => new TableDeviceDataStore(storage.open())],
])("device data %s", (_where, make) => {
  test("is initialised when a device is first seen, and stays as it is when it is seen again", async () => {
    const store = make();
    const first = await store.see([seen("Pump#1", "g1"), seen("pump#1", "g9")]);
    expect(first.get(id("Pump#1"))).toEqual({
      deviceId: "Pump#1",
      hub,
      firstSeenAt: start,
      generations: ["g1"],
      generationSince: start,
      metadata: {},
    });
    const again = await store.see([seen("Pump#1", "g1", 5), seen("Pump#1", undefined, 6)]);
    expect(again.get(id("Pump#1"))).toEqual(first.get(id("Pump#1")));
    expect((await store.read([id("Pump#1"), id("pump#1"), id("PUMP#1")])).size).toBe(2);
  });

  test("begins anew with a new generation, and not with one that was known before", async () => {
    const store = make();
    await store.see([seen("a", "g1")]);
    await store.putMetadata(id("a"), { site: "hall 3" });
    const next = await store.see([seen("a", "g2", 1)]);
    expect(next.get(id("a"))).toMatchObject({
      generations: ["g2", "g1"],
      generationSince: addMs(start, 60_000),
      metadata: {},
    });
    await store.putMetadata(id("a"), { site: "hall 4" });
    const old = await store.see([seen("a", "g1", 2)]);
    expect(old.get(id("a"))).toMatchObject({ generations: ["g2", "g1"], metadata: { site: "hall 4" } });
  });

  test("takes the first generation that is told for that of the creation it was begun with", async () => {
    const store = make();
    await store.see([seen("a", undefined)]);
    await store.putMetadata(id("a"), { site: "hall 3" });
    const told = await store.see([seen("a", "g1", 1)]);
    expect(told.get(id("a"))).toMatchObject({
      generations: ["g1"],
      generationSince: start,
      metadata: { site: "hall 3" },
    });
  });

  test("has no notes of a device that was never seen", async () => {
    const store = make();
    expect(await store.putMetadata(id("ghost"), { site: "nowhere" })).toBeUndefined();
    expect((await store.read([id("ghost")])).size).toBe(0);
  });

  test("is the same when many see the same devices at the same time", async () => {
    const store = make();
    const all = Array.from({ length: 40 }, (_, n) => seen(`pump-${n}`, "g1", 0));
    await Promise.all([store.see(all), store.see(all), store.see(all.slice(10))]);
    const found = await store.read(all.map(({ deviceId }) => deviceId));
    expect(found.size).toBe(40);
    for (const data of found.values()) expect(data).toMatchObject({ generations: ["g1"], firstSeenAt: start });
  });
});

test("device data on Azure Tables: seeing a hundred known devices costs one operation per partition", async () => {
  const clients = storage.open();
  const store = new TableDeviceDataStore(clients);
  const all = Array.from({ length: 100 }, (_, n) => seen(`pump-${n}`, "g1"));
  await store.see(all);
  const count = await operations(await clients.table("devices"), () => store.see(all));
  expect(count).toBeLessThanOrEqual(16);
});
