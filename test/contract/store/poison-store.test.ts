import { TablePoisonStore } from "../../../shared/adapters/store/poison-store";
import type { PoisonEvent, PoisonStore } from "../../../shared/ports/stores";
import { azuriteForThisFile, operations } from "../../support/azurite";
import { MemoryPoisonStore } from "../../support/memory-stores";
import { start } from "./samples";

const storage = azuriteForThisFile();

interface Harness {
  readonly store: PoisonStore;
  readonly kept: () => Promise<readonly unknown[]>;
}

const inMemory = (): Harness => {
  const store = new MemoryPoisonStore();
  return { store, kept: () => Promise.resolve(store.events) };
};

const onTables = (): Harness => {
  const clients = storage.open();
  const kept = async () => {
    const events: unknown[] = [];
    for await (const row of (await clients.table("poison")).listEntities())
      events.push(JSON.parse(String(row["json"])));
    return events;
  };
  return { store: new TablePoisonStore(clients), kept };
};

const anEvent = (sequenceNumber: number, changes: Partial<PoisonEvent> = {}): PoisonEvent => ({
  hub: "lab-hub.azure-devices.net",
  partition: "1",
  sequenceNumber,
  offset: String(sequenceNumber * 100),
  at: start,
  reason: "not-json",
  deviceId: undefined,
  bodyBase64: "e30=",
  ...changes,
});

describe.each([
  ["in memory", inMemory],
  ["on Azure Tables", onTables],
])("poison events %s", (_where, make) => {
  test("every event is kept with all it says", async () => {
    const { store, kept } = make();
    const body = Buffer.alloc(8 * 1024, 7).toString("base64");
    const events = [
      anEvent(9),
      anEvent(10, { deviceId: "Pump-1", bodyBase64: body }),
      anEvent(9, { partition: "2" }),
      anEvent(9, { hub: "lab-hub-2.azure-devices.net" }),
      anEvent(Number.MAX_SAFE_INTEGER, { offset: "" }),
    ];
    await store.put(events);
    expect(await kept()).toHaveLength(events.length);
    expect(await kept()).toEqual(
      expect.arrayContaining(events.map((event): unknown => JSON.parse(JSON.stringify(event)))),
    );
  });

  test("an event delivered again takes the place of the first", async () => {
    const { store, kept } = make();
    await store.put([anEvent(1), anEvent(2)]);
    await store.put([anEvent(1), anEvent(2, { reason: "empty" }), anEvent(2, { reason: "forged" })]);
    expect(await kept()).toHaveLength(2);
    expect(await kept()).toContainEqual(expect.objectContaining({ sequenceNumber: 2, reason: "forged" }));
  });

  test("more than a transaction takes, and none at all", async () => {
    const { store, kept } = make();
    await store.put([]);
    await store.put(Array.from({ length: 250 }, (_, n) => anEvent(n)));
    expect(await kept()).toHaveLength(250);
  });
});

test("storage operations are as few as documented", async () => {
  const clients = storage.open();
  const store = new TablePoisonStore(clients);
  const events = Array.from({ length: 150 }, (_, n) => anEvent(n)).concat(anEvent(1, { partition: "2" }));
  expect(await operations(await clients.table("poison"), () => store.put(events))).toBe(3);
});
