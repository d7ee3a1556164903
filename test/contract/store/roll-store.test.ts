import { newestFirstKey } from "../../../shared/adapters/store/keys";
import { TableRollStore } from "../../../shared/adapters/store/roll-store";
import type { RollId } from "../../../shared/domain/ids";
import { addMs, type Instant } from "../../../shared/domain/instant";
import type { RollStore } from "../../../shared/ports/stores";
import { azuriteForThisFile, intercept, operations } from "../../support/azurite";
import { aSummary } from "../../support/builders";
import { MemoryRollStore } from "../../support/memory-stores";
import { aRoll, aRollId, start } from "./samples";

const storage = azuriteForThisFile();

const idsOf = (rolls: readonly { readonly rollId: RollId }[]) => rolls.map(({ rollId }) => rollId);

describe.each([
  ["in memory", (): RollStore => new MemoryRollStore()],
  ["on Azure Tables", (): RollStore => new TableRollStore(storage.open())],
])("rolls %s", (_where, make) => {
  test("a roll is created once: the second call changes nothing", async () => {
    const store = make();
    const rollId = aRollId();
    expect(await store.get(rollId)).toBeUndefined();
    expect(await store.create(aRoll(rollId, { reason: "first" }))).toBe(true);
    expect(await store.create(aRoll(rollId, { reason: "second" }))).toBe(false);
    expect(await store.get(rollId)).toEqual(aRoll(rollId, { reason: "first" }));
  });

  test("of many who create the same roll at once exactly one wrote it", async () => {
    const store = make();
    const rollId = aRollId();
    const wrote = await Promise.all(Array.from({ length: 8 }, () => store.create(aRoll(rollId))));
    expect(wrote.filter(Boolean)).toHaveLength(1);
  });

  test("changes made at once are all kept", async () => {
    const store = make();
    const rollId = aRollId();
    await store.create(aRoll(rollId, { devices: 1 }));
    await Promise.all(
      Array.from({ length: 8 }, () => store.update(rollId, (roll) => ({ ...roll, devices: roll.devices + 1 }))),
    );
    expect(await store.get(rollId)).toEqual(aRoll(rollId, { devices: 9 }));
  });

  test("a change answers what is stored then, also where it takes something away", async () => {
    const store = make();
    const rollId = aRollId();
    const counts = { proven: 2, failed: 1 };
    await store.create(aRoll(rollId, { containedAt: start }));
    const { containedAt: _gone, ...rest } = aRoll(rollId, { phase: "finished", outcome: "partial", counts });
    expect(await store.update(rollId, () => rest)).toEqual(rest);
    expect(await store.get(rollId)).toEqual(rest);
  });

  test("a change that fails leaves the roll as it was, and a roll that is not there cannot change", async () => {
    const store = make();
    const rollId = aRollId();
    await store.create(aRoll(rollId));
    const refuse = () => {
      throw new Error("no");
    };
    await expect(store.update(rollId, refuse)).rejects.toThrow("no");
    expect(await store.get(rollId)).toEqual(aRoll(rollId));
    await expect(store.update(aRollId(), (roll) => roll)).rejects.toMatchObject({ code: "store-corrupt" });
  });

  test("what could not be read back is not written", async () => {
    const store = make();
    const rollId = aRollId();
    await expect(store.create(aRoll(rollId, { devices: -1 }))).rejects.toMatchObject({ code: "store-corrupt" });
    expect(await store.get(rollId)).toBeUndefined();
  });

  test("nobody can change a stored roll by holding on to it", async () => {
    const store = make();
    const rollId = aRollId();
    const counts = { proven: 1 };
    await store.create(aRoll(rollId, { counts }));
    counts.proven = 99;
    const read = await store.get(rollId);
    read!.counts!.proven = 98;
    expect(await store.get(rollId)).toEqual(aRoll(rollId, { counts: { proven: 1 } }));
  });

  test("pages list the newest first, without gaps or repetitions", async () => {
    const store = make();
    // Minutes across a day, an hour and a carry in the digits, created in no order.
    const rolls = [5, 1_441, 0, 61, 9, 10, 1_440].map((minute) => ({ minute, rollId: aRollId(minute) }));
    for (const { rollId } of rolls) await store.create(aRoll(rollId));
    await store.putSummary(rolls[0]!.rollId, aSummary(0, { proven: 1 }));
    await store.open(rolls[0]!.rollId, start);
    const newestFirst = idsOf([...rolls].sort((a, b) => b.minute - a.minute));

    expect(idsOf(await store.list({ limit: 100 }))).toEqual(newestFirst);
    const pages: RollId[][] = [];
    for (let after: RollId | undefined; pages.length < 10; after = pages.at(-1)?.at(-1)) {
      const page = idsOf(await store.list({ limit: 3, ...(after === undefined ? {} : { after }) }));
      if (page.length === 0) break;
      pages.push(page);
    }
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(newestFirst);
  });

  test("rolls of the same millisecond are not lost between pages", async () => {
    const store = make();
    const rolls = Array.from({ length: 4 }, () => aRollId());
    for (const rollId of rolls) await store.create(aRoll(rollId));
    const first = idsOf(await store.list({ limit: 2 }));
    const second = idsOf(await store.list({ limit: 2, after: first[1]! }));
    expect(new Set([...first, ...second])).toEqual(new Set(rolls));
  });

  test("open rolls are listed oldest first until they are closed, with the first moment noted", async () => {
    const store = make();
    const [older, newer] = [aRollId(1), aRollId(2)];
    await store.open(newer, addMs(start, 2));
    await store.open(older, addMs(start, 1));
    await store.open(older, addMs(start, 9));
    expect(await store.listOpen()).toEqual([
      { rollId: older, since: addMs(start, 1) },
      { rollId: newer, since: addMs(start, 2) },
    ]);
    await store.close(older);
    await store.close(older);
    expect(idsOf(await store.listOpen())).toEqual([newer]);
  });

  test("summaries are kept per batch, the last of each, in the order of batches", async () => {
    const store = make();
    const [rollId, other] = [aRollId(), aRollId()];
    expect(await store.readSummaries(rollId)).toEqual([]);
    const late = { ...aSummary(10, { planned: 90 }), dueAt: start, contained: [[start, 3]] as [Instant, number][] };
    await store.putSummary(rollId, late);
    await store.putSummary(rollId, aSummary(2, { planned: 90 }));
    await store.putSummary(rollId, aSummary(2, { proven: 89, failed: 1 }));
    await store.putSummary(other, aSummary(0, { planned: 5 }));
    expect(await store.readSummaries(rollId)).toEqual([aSummary(2, { proven: 89, failed: 1 }), late]);
  });

  test("summaries of some batches are read by their numbers, the last one not included", async () => {
    const store = make();
    const rollId = aRollId();
    for (const batch of [0, 1, 2, 9, 10, 11]) await store.putSummary(rollId, aSummary(batch, {}));
    const numbers = async (from: number, to: number): Promise<number[]> =>
      (await store.readSummaries(rollId, { from, to })).map(({ batch }) => batch);
    expect(await numbers(1, 10)).toEqual([1, 2, 9]);
    expect(await numbers(10, 11)).toEqual([10]);
    expect(await numbers(3, 9)).toEqual([]);
  });
});

describe("rolls on Azure Tables, beneath", () => {
  test("a row that does not pass its schema is reported with its table and keys", async () => {
    const clients = storage.open();
    const store = new TableRollStore(clients);
    const rollId = aRollId();
    await store.create(aRoll(rollId));
    const table = await clients.table("rolls");
    const keys = { partitionKey: "rolls", rowKey: newestFirstKey(rollId) };
    await table.updateEntity({ ...keys, json: '{"phase":"unheard-of"}' }, "Replace");
    const read = store.get(rollId);
    await expect(read).rejects.toMatchObject({ name: "RollError", code: "store-corrupt", retryable: false });
    await expect(read).rejects.toThrow(`table rolls, row "${keys.partitionKey}" / "${keys.rowKey}"`);
    await table.updateEntity({ ...keys, json: "{" }, "Replace");
    await expect(store.get(rollId)).rejects.toMatchObject({ code: "store-corrupt" });
  });

  test("a service that answers short pages is asked for more", async () => {
    const clients = storage.open();
    const store = new TableRollStore(clients);
    const rolls = [3, 2, 1].map((minute) => aRollId(minute));
    for (const rollId of rolls) {
      await store.create(aRoll(rollId));
      await store.open(rollId, start);
    }
    intercept(await clients.table("rolls"), (request, send) => {
      const url = new URL(request.url);
      url.searchParams.set("$top", "1");
      if (request.method === "GET") request.url = url.href;
      return send();
    });
    expect(idsOf(await store.list({ limit: 3 }))).toEqual(rolls);
    expect(idsOf(await store.listOpen())).toEqual([...rolls].reverse());
  });

  test("storage operations are as few as documented", async () => {
    const clients = storage.open();
    const table = await clients.table("rolls");
    const store = new TableRollStore(clients);
    const rollId = aRollId();
    expect(await operations(table, () => store.open(rollId, start))).toBe(1);
    expect(await operations(table, () => store.create(aRoll(rollId)))).toBe(1);
    expect(await operations(table, () => store.get(rollId))).toBe(1);
    expect(await operations(table, () => store.update(rollId, (roll) => ({ ...roll, phase: "awaiting" })))).toBe(2);
    expect(await operations(table, () => store.update(rollId, (roll) => ({ ...roll, phase: "awaiting" })))).toBe(1);
    expect(await operations(table, () => store.list({ limit: 100 }))).toBe(1);
    expect(await operations(table, () => store.putSummary(rollId, aSummary(0, { planned: 1 })))).toBe(1);
    expect(await operations(table, () => store.readSummaries(rollId))).toBe(1);
    expect(await operations(table, () => store.listOpen())).toBe(1);
    expect(await operations(table, () => store.close(rollId))).toBe(1);
  });
});
