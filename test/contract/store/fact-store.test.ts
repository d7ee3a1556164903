import fc from "fast-check";
import { TableFactStore } from "../../../shared/adapters/store/fact-store";
import { MERGE_TRIES } from "../../../shared/adapters/store/guarded-rows";
import type { StoreClients } from "../../../shared/adapters/store/tables";
import { factPartition } from "../../../shared/domain/device-facts";
import type { DeviceFacts } from "../../../shared/domain/device-facts";
import { DeviceId } from "../../../shared/domain/ids";
import type { FactStore } from "../../../shared/ports/stores";
import { azuriteForThisFile, intercept, operations } from "../../support/azurite";
import { MemoryFactStore } from "../../support/memory-stores";
import { aPosition, aReport, aRollId, aThumbprint, heard } from "./samples";

const storage = azuriteForThisFile();
const rollId = aRollId();

/** Device ids that all lie in the same partition, so that one transaction could hold them. */
function neighbours(count: number): DeviceId[] {
  const ids = Array.from({ length: count * 40 }, (_, n) => DeviceId.parse(`Pump-${n}`));
  const [first] = ids;
  return ids.filter((id) => factPartition(id) === factPartition(first!)).slice(0, count);
}

describe.each([
  ["in memory", (): FactStore => new MemoryFactStore()],
  ["on Azure Tables", (): FactStore => new TableFactStore(storage.open())],
])("facts %s", (_where, make) => {
  const one = async (store: FactStore, id: string) => (await store.read([DeviceId.parse(id)])).get(DeviceId.parse(id));

  test("what was heard is read back per device; a device never heard of is left out", async () => {
    const store = make();
    const [a, b] = [heard("a", 1), heard("b", 2, { verified: [aReport(2, rollId)] })];
    await store.merge([a, b]);
    expect(await store.read([a.deviceId, b.deviceId, DeviceId.parse("nobody")])).toEqual(
      new Map([
        [a.deviceId, a],
        [b.deviceId, b],
      ]),
    );
    expect(await store.read([])).toEqual(new Map());
    await store.merge([]);
  });

  test("device ids differ by case and by every character that a hub allows", async () => {
    const store = make();
    const ids = ["Pump", "pump", "pump-:.+%_#*?!(),=@;$'", "=", "=3D", "%3D", "a=b", "#".repeat(128)];
    await store.merge(ids.map((id, n) => heard(id, n + 1)));
    const facts = await store.read(ids.map((id) => DeviceId.parse(id)));
    expect(ids.map((id) => facts.get(DeviceId.parse(id))?.lastSeen?.sequenceNumber)).toEqual(ids.map((_, n) => n + 1));
  });

  test("what a late event says does not replace what a later one said, and a verified report stays", async () => {
    const store = make();
    await store.merge([heard("a", 5, { verified: [aReport(5, rollId)] })]);
    const late = { ...aReport(3, rollId), sha256Thumbprint: aThumbprint(5) };
    await store.merge([heard("a", 3, { verified: [late], generationId: "old" })]);
    expect(await one(store, "a")).toEqual(heard("a", 5, { verified: [aReport(5, rollId)] }));
    await store.merge([heard("a", 8)]);
    expect(await one(store, "a")).toEqual(heard("a", 8, { verified: [aReport(5, rollId)] }));
  });

  test("the same events give the same facts in any order, in any portions, and heard twice", async () => {
    const event = fc.record({
      device: fc.constantFrom("a", "b", "Pump-0"),
      sequenceNumber: fc.integer({ min: 1, max: 30 }),
      verified: fc.boolean(),
    });
    const events = fc.uniqueArray(event, { minLength: 1, maxLength: 12, selector: (e) => e.sequenceNumber });
    const cases = events.chain((all) =>
      fc.record({
        all: fc.constant(all),
        shuffled: fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 }),
        portion: fc.integer({ min: 1, max: 5 }),
      }),
    );
    const facts = (e: { device: string; sequenceNumber: number; verified: boolean }): DeviceFacts =>
      heard(e.device, e.sequenceNumber, e.verified ? { verified: [aReport(e.sequenceNumber, rollId)] } : {});
    const ids = ["a", "b", "Pump-0"].map((id) => DeviceId.parse(id));
    await fc.assert(
      fc.asyncProperty(cases, async ({ all, shuffled, portion }) => {
        const [inOrder, disturbed] = [make(), make()];
        await inOrder.merge([...all].sort((a, b) => a.sequenceNumber - b.sequenceNumber).map(facts));
        for (let i = 0; i < shuffled.length; i += portion) {
          await disturbed.merge(shuffled.slice(i, i + portion).map(facts));
        }
        expect(await disturbed.read(ids)).toEqual(await inOrder.read(ids));
      }),
      { numRuns: 15 },
    );
  });

  test("more devices than a transaction takes are kept, also when several consumers merge at once", async () => {
    const store = make();
    const ids = neighbours(130);
    const portions = [1, 2, 3].map((round) => ids.map((id, n) => heard(id, n + round * 1_000)));
    await Promise.all(portions.map((portion) => store.merge(portion)));
    const facts = await store.read(ids);
    expect(ids.map((id) => facts.get(id)?.lastSeen)).toEqual(ids.map((_, n) => aPosition(n + 3_000)));
  });

  test("a chain longer than a column is kept whole, beside a shorter one after it", async () => {
    const store = make();
    const long = { ...aReport(1, rollId), chainPem: "MIIB".repeat(20_000) };
    await store.merge([heard("a", 1, { verified: [long] })]);
    expect((await one(store, "a"))?.verified).toEqual([long]);
    await store.merge([heard("a", 2, { verified: [aReport(2, rollId)] })]);
    expect((await one(store, "a"))?.verified).toEqual([aReport(2, rollId), long]);
  });

  test("the longest reports of as many leaves as are kept fit a row", async () => {
    const store = make();
    const line = `${"A".repeat(64)}\n`;
    const chainPem = line.repeat(Math.floor(32_000 / line.length));
    for (const n of [1, 2, 3, 4, 5])
      await store.merge([heard("a", n, { verified: [{ ...aReport(n, rollId), chainPem }] })]);
    const leaves = (await one(store, "a"))?.verified?.map(({ sha256Thumbprint }) => sha256Thumbprint);
    expect(leaves).toEqual([5, 4, 3].map(aThumbprint));
  });

  test("nobody can change stored facts by holding on to them", async () => {
    const store = make();
    const facts = heard("a", 1);
    await store.merge([facts]);
    facts.lastSeen!.sequenceNumber = 99;
    (await one(store, "a"))!.lastSeen!.sequenceNumber = 98;
    expect(await one(store, "a")).toEqual(heard("a", 1));
  });
});

describe("facts on Azure Tables, beneath", () => {
  /** Lets another consumer merge right before each of the first writes of `work`. */
  const raced = async (clients: StoreClients, others: DeviceFacts[], work: (store: FactStore) => Promise<unknown>) => {
    const store = new TableFactStore(clients);
    let racing = false;
    const stop = intercept(await clients.table("facts"), async (request, send) => {
      const other = racing || !request.url.endsWith("$batch") ? undefined : others.shift();
      if (other !== undefined) {
        racing = true;
        await store.merge([other]);
        racing = false;
      }
      return send();
    });
    await work(store).finally(stop);
  };

  test("another consumer that writes between our reading and our writing is merged with, not overwritten", async () => {
    const clients = storage.open();
    const ids = neighbours(3);
    await new TableFactStore(clients).merge([heard(ids[0]!, 1)]);
    // First a new row gets in our way (409), then a changed one (412).
    const others = [heard(ids[1]!, 50), heard(ids[0]!, 60)];
    await raced(clients, others, (store) =>
      store.merge(ids.map((id) => heard(id, 10, { verified: [aReport(10, rollId)] }))),
    );
    expect(others).toEqual([]);
    const facts = await new TableFactStore(clients).read(ids);
    expect(ids.map((id) => facts.get(id)?.lastSeen?.sequenceNumber)).toEqual([60, 50, 10]);
    expect(ids.map((id) => facts.get(id)?.verified?.[0]?.position.sequenceNumber)).toEqual([10, 10, 10]);
  });

  test("who loses every race says that trying again may help", async () => {
    const others = Array.from({ length: MERGE_TRIES }, (_, n) => heard("a", n + 10));
    await raced(storage.open(), others, async (store) => {
      const merge = store.merge([heard("a", 99)]);
      await expect(merge).rejects.toMatchObject({ code: "service-unavailable", retryable: true });
    });
    expect(others).toEqual([]);
  });

  test("a row that does not pass its schema is reported with its table and keys", async () => {
    const clients = storage.open();
    const id = DeviceId.parse("Pump#1");
    const partitionKey = `f${String(factPartition(id)).padStart(2, "0")}`;
    await (await clients.table("facts")).createEntity({ partitionKey, rowKey: "Pump=231", json: "{}" });
    const read = new TableFactStore(clients).read([id]);
    await expect(read).rejects.toMatchObject({ code: "store-corrupt" });
    await expect(read).rejects.toThrow(`table facts, row "${partitionKey}" / "Pump=231"`);
  });

  test("storage operations are as few as documented: unchanged rows are not written, large fleets are not read through", async () => {
    const clients = storage.open();
    const table = await clients.table("facts");
    const store = new TableFactStore(clients);
    const ids = neighbours(300);
    const all = ids.map((id) => heard(id, 10));
    expect(await operations(table, () => store.merge(all))).toBe(4);
    expect(await operations(table, () => store.merge(all))).toBe(0);
    expect(await operations(table, () => store.read(ids))).toBe(1);
    expect(await operations(table, () => store.merge([heard(ids[5]!, 11)]))).toBe(1);
    const sorted = [...ids].sort();
    const far = [sorted[0]!, sorted[299]!];
    expect((await store.read(far)).size).toBe(2);
    expect(await operations(table, () => store.read(far))).toBe(2);
  });
});
