import { TableBatchStore } from "../../../shared/adapters/store/batch-store";
import type { StoreClients } from "../../../shared/adapters/store/tables";
import { addMs } from "../../../shared/domain/instant";
import { BATCH_SIZE } from "../../../shared/domain/roll/batch";
import type { JournalEntry } from "../../../shared/domain/roll/batch";
import type { RollId } from "../../../shared/domain/ids";
import type { Clock } from "../../../shared/ports/clock";
import type { BatchStore, CheckedOutBatch } from "../../../shared/ports/stores";
import { azuriteForThisFile, intercept, operations } from "../../support/azurite";
import { MemoryBatchStore } from "../../support/memory-stores";
import { aClock, aDevice, aRegistrationId, aRollId, aThumbprint, anEntry, devices, start } from "./samples";

const leaseMs = 60_000;
const lost = { name: "RollError", code: "lease-lost", retryable: true };
const storage = azuriteForThisFile();

async function checkedOut(store: BatchStore, rollId: RollId, token: string): Promise<CheckedOutBatch> {
  const answer = await store.checkOut(rollId, 0, token);
  if (answer.outcome !== "checked-out") throw new Error(`busy until ${answer.until}`);
  return answer.batch;
}

const contained = (n: number) => aDevice(n, { containedAt: start, entry: { state: "closed", disabled: false } });

describe.each([
  ["in memory", (clock: Clock): BatchStore => new MemoryBatchStore(clock, leaseMs)],
  ["on Azure Tables", (clock: Clock): BatchStore => new TableBatchStore(storage.open(), clock, leaseMs)],
])("batches %s", (_where, make) => {
  const setUp = async (count = 3) => {
    const clock = aClock();
    const store = make(clock);
    const rollId = aRollId();
    await store.create(rollId, 0, devices(count));
    return { clock, store, rollId };
  };

  test("a batch is created once, whole, and read back in the order of registration ids", async () => {
    const store = make(aClock());
    const rollId = aRollId();
    expect(await store.create(rollId, 7, [...devices(BATCH_SIZE)].reverse())).toBe(true);
    expect(await store.create(rollId, 7, devices(1))).toBe(false);
    const { header, rows } = await store.read(rollId, 7);
    expect(header).toEqual({ rollId, batch: 7, journalLength: 0 });
    expect(rows).toEqual(devices(BATCH_SIZE));
    expect(await store.readJournal(rollId, 7)).toEqual([]);
    expect(await store.find(rollId, 7)).toEqual(rows);
    expect(await store.find(rollId, 8)).toBeUndefined();
  });

  test("of many who create the same batch at once exactly one did", async () => {
    const store = make(aClock());
    const rollId = aRollId();
    const created = await Promise.all([1, 2, 3, 4, 5, 6].map((count) => store.create(rollId, 0, devices(count))));
    const winner = created.indexOf(true);
    expect(created.filter(Boolean)).toHaveLength(1);
    expect((await store.read(rollId, 0)).rows).toEqual(devices(winner + 1));
  });

  test("more devices than a transaction takes, and a device twice, are refused", async () => {
    const store = make(aClock());
    await expect(store.create(aRollId(), 0, devices(BATCH_SIZE + 1))).rejects.toThrow(RangeError);
    await expect(store.create(aRollId(), 0, [aDevice(1), aDevice(1)])).rejects.toThrow(RangeError);
  });

  test("a batch that is not there is an error that names it", async () => {
    const store = make(aClock());
    const rollId = aRollId();
    await expect(store.read(rollId, 0)).rejects.toMatchObject({ code: "store-corrupt" });
    await expect(store.read(rollId, 0)).rejects.toThrow(rollId);
    await expect(store.checkOut(rollId, 0, "t")).rejects.toMatchObject({ code: "store-corrupt" });
  });

  test("an intent takes the lease and is on record with its rows; settling gives the lease back", async () => {
    const { store, rollId } = await setUp();
    const batch = await checkedOut(store, rollId, "mine");
    expect(batch.rows).toEqual(devices(3));
    await batch.intend(anEntry("intent"), [contained(1)]);
    const until = addMs(start, leaseMs);
    expect(await store.read(rollId, 0)).toEqual({
      header: { rollId, batch: 0, journalLength: 1, lease: { token: "mine", until } },
      rows: [aDevice(0), contained(1), aDevice(2)],
    });
    await batch.settle(anEntry("outcome"), [contained(2)]);
    expect(await store.read(rollId, 0)).toEqual({
      header: { rollId, batch: 0, journalLength: 2 },
      rows: [aDevice(0), contained(1), contained(2)],
    });
    expect(await store.readJournal(rollId, 0)).toEqual([anEntry("intent"), anEntry("outcome")]);
  });

  test("all rows of a full batch, the header and a journal row fit one write", async () => {
    const { store, rollId } = await setUp(BATCH_SIZE);
    const batch = await checkedOut(store, rollId, "mine");
    const changed = Array.from({ length: BATCH_SIZE }, (_, n) => contained(n));
    await batch.intend(anEntry("intent"), changed);
    await batch.settle(anEntry("outcome"), changed);
    expect((await store.read(rollId, 0)).rows).toEqual(changed);
  });

  test("a value longer than a column is read back whole, and shrinks again", async () => {
    const { store, rollId } = await setUp();
    const batch = await checkedOut(store, rollId, "mine");
    const entries = Array.from({ length: BATCH_SIZE * 4 }, (_, i) => ({
      registrationId: aRegistrationId(i % BATCH_SIZE),
      target: "lab-hub.azure-devices.net",
      action: "hold",
      before: `${aThumbprint(i)} 鍵🔑`.repeat(3),
      after: aThumbprint(i).repeat(2),
    }));
    const long: JournalEntry = { ...anEntry("intent"), entries };
    const wordy = aDevice(0, {
      warnings: Array.from({ length: 1_500 }, (_, i) => `warning ${i} 🔑 about this device`),
    });
    await batch.intend(long, [wordy]);
    expect(await store.readJournal(rollId, 0)).toEqual([long]);
    expect((await store.read(rollId, 0)).rows[0]).toEqual(wordy);
    await batch.settle(undefined, [aDevice(0)]);
    expect((await store.read(rollId, 0)).rows[0]).toEqual(aDevice(0));
  });

  test("while a lease runs another step finds the batch busy; its own holder, and anybody afterwards, does not", async () => {
    const { clock, store, rollId } = await setUp();
    await (await checkedOut(store, rollId, "mine")).intend(anEntry("intent"));
    const until = addMs(start, leaseMs);
    expect(await store.checkOut(rollId, 0, "other")).toEqual({ outcome: "busy", until });
    expect(await store.checkOut(rollId, 0, "mine")).toMatchObject({ outcome: "checked-out" });
    clock.pass(leaseMs - 1);
    expect(await store.checkOut(rollId, 0, "other")).toMatchObject({ outcome: "busy" });
    clock.pass(1);
    expect(await store.checkOut(rollId, 0, "other")).toMatchObject({ outcome: "checked-out" });
  });

  test("looking takes no lease: two steps may check out, the first to intend wins, the second loses the lease", async () => {
    const { store, rollId } = await setUp();
    const [first, second] = [await checkedOut(store, rollId, "first"), await checkedOut(store, rollId, "second")];
    await first.intend(anEntry("intent", "first"), [contained(0)]);
    await expect(second.intend(anEntry("intent", "second"), [contained(1)])).rejects.toMatchObject(lost);
    await expect(second.settle(undefined, [contained(1)])).rejects.toMatchObject(lost);
    await first.settle(anEntry("outcome", "first"), []);
    expect((await store.read(rollId, 0)).rows).toEqual([contained(0), aDevice(1), aDevice(2)]);
    expect((await store.readJournal(rollId, 0)).map(({ entries }) => entries[0]?.action)).toEqual(["first", "first"]);
  });

  test("of many that intend at once exactly one may", async () => {
    const { store, rollId } = await setUp();
    const batches = await Promise.all(["a", "b", "c", "d", "e"].map((token) => checkedOut(store, rollId, token)));
    const answers = await Promise.allSettled(batches.map((batch) => batch.intend(anEntry("intent"))));
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const answer of answers) if (answer.status === "rejected") expect(answer.reason).toMatchObject(lost);
    expect(await store.readJournal(rollId, 0)).toHaveLength(1);
  });

  test("a step whose lease ran out and was taken over writes nothing more", async () => {
    const { clock, store, rollId } = await setUp();
    const slow = await checkedOut(store, rollId, "slow");
    await slow.intend(anEntry("intent", "slow"));
    clock.pass(leaseMs);
    const heir = await checkedOut(store, rollId, "heir");
    await heir.intend(anEntry("intent", "heir"));
    await expect(slow.settle(anEntry("outcome", "slow"), [contained(0)])).rejects.toMatchObject(lost);
    await expect(slow.settle(undefined, [])).rejects.toMatchObject(lost);
    await heir.settle(anEntry("outcome", "heir"), [contained(1)]);
    expect((await store.read(rollId, 0)).rows).toEqual([aDevice(0), contained(1), aDevice(2)]);
    expect(await store.readJournal(rollId, 0)).toHaveLength(3);
  });

  test("a step whose lease ran out, but was not taken over, may still record what it did; the heir reads again", async () => {
    const { clock, store, rollId } = await setUp();
    const slow = await checkedOut(store, rollId, "slow");
    await slow.intend(anEntry("intent"));
    clock.pass(leaseMs);
    const heir = await checkedOut(store, rollId, "heir");
    await slow.settle(anEntry("outcome"), [contained(0)]);
    await expect(heir.intend(anEntry("intent"))).rejects.toMatchObject(lost);
    expect((await checkedOut(store, rollId, "heir")).rows[0]).toEqual(contained(0));
  });

  test("a step may settle without an intent, and several times", async () => {
    const { store, rollId } = await setUp();
    const batch = await checkedOut(store, rollId, "mine");
    await batch.settle(anEntry("outcome"), [contained(0)]);
    await batch.settle(undefined, [contained(1)]);
    await batch.intend(anEntry("intent"));
    await batch.settle(undefined, []);
    expect(await store.read(rollId, 0)).toEqual({
      header: { rollId, batch: 0, journalLength: 2 },
      rows: [contained(0), contained(1), aDevice(2)],
    });
  });

  test("settling gives back the lease that the same holder took before it was interrupted", async () => {
    const { store, rollId } = await setUp();
    await (await checkedOut(store, rollId, "mine")).intend(anEntry("intent"));
    await (await checkedOut(store, rollId, "mine")).settle(undefined, []);
    expect((await store.read(rollId, 0)).header).toEqual({ rollId, batch: 0, journalLength: 1 });
  });

  test("settling nothing writes nothing, so that it disturbs nobody", async () => {
    const { store, rollId } = await setUp();
    const [idle, busy] = [await checkedOut(store, rollId, "idle"), await checkedOut(store, rollId, "busy")];
    await idle.settle(undefined, []);
    await busy.intend(anEntry("intent"));
    expect(await store.readJournal(rollId, 0)).toHaveLength(1);
  });

  test("a device of another batch, or a row that could not be read back, is refused and nothing is written", async () => {
    const { store, rollId } = await setUp();
    const batch = await checkedOut(store, rollId, "mine");
    await expect(batch.settle(anEntry("outcome"), [aDevice(99)])).rejects.toThrow(RangeError);
    const broken = { ...contained(1), rereads: -1 };
    const write = batch.intend(anEntry("intent"), [contained(0), broken]);
    await expect(write).rejects.toMatchObject({ code: "store-corrupt" });
    expect(await store.read(rollId, 0)).toEqual({ header: { rollId, batch: 0, journalLength: 0 }, rows: devices(3) });
    expect(await store.readJournal(rollId, 0)).toEqual([]);
  });

  test("nobody can change stored rows by holding on to them", async () => {
    const { store, rollId } = await setUp();
    const batch = await checkedOut(store, rollId, "mine");
    const row = contained(0);
    const entry = anEntry("intent");
    await batch.intend(entry, [row]);
    row.warnings.push("later");
    entry.entries[0]!.action = "later";
    batch.rows[1]!.warnings.push("later");
    (await store.read(rollId, 0)).rows[2]!.warnings.push("later");
    expect((await store.read(rollId, 0)).rows).toEqual([contained(0), aDevice(1), aDevice(2)]);
    expect(await store.readJournal(rollId, 0)).toEqual([anEntry("intent")]);
  });

  test("batches and rolls do not touch each other", async () => {
    const { store, rollId } = await setUp();
    const other = aRollId();
    await store.create(rollId, 1, devices(1));
    await store.create(other, 0, devices(2));
    await (await checkedOut(store, rollId, "mine")).intend(anEntry("intent"), [contained(0)]);
    expect(await store.checkOut(rollId, 1, "other")).toMatchObject({ outcome: "checked-out" });
    expect((await store.read(rollId, 1)).rows).toEqual(devices(1));
    expect((await store.read(other, 0)).rows).toEqual(devices(2));
  });
});

describe("batches on Azure Tables, beneath", () => {
  const open = async (count = 3) => {
    const clients = storage.open();
    const store = new TableBatchStore(clients, aClock(), leaseMs);
    const rollId = aRollId();
    await store.create(rollId, 0, devices(count));
    return { clients, store, rollId, partitionKey: `${rollId}|000000` };
  };

  /** Lets the service answer two rows per page, and calls `between` before the second page of the first query. */
  const shortPages = async (clients: StoreClients, between: () => Promise<void>) => {
    let disturbed = false;
    intercept(await clients.table("batches"), async (request, send) => {
      if (request.method !== "GET") return send();
      const url = new URL(request.url);
      if (url.searchParams.has("NextRowKey") && !disturbed) {
        disturbed = true;
        await between();
      }
      url.searchParams.set("$top", "2");
      request.url = url.href;
      return send();
    });
  };

  test("a write between two pages of a reading cannot pair old rows with the new version", async () => {
    const { clients, store, rollId } = await open();
    const undisturbed = new TableBatchStore(clients, aClock(), leaseMs);
    await shortPages(clients, async () => {
      await (await checkedOut(undisturbed, rollId, "other")).settle(anEntry("outcome"), [contained(0)]);
    });
    expect((await checkedOut(store, rollId, "mine")).rows).toEqual([contained(0), aDevice(1), aDevice(2)]);
  });

  test("a row that does not pass its schema, or lies under another device's key, is reported with table and keys", async () => {
    const { clients, store, rollId, partitionKey } = await open();
    const table = await clients.table("batches");
    const rowKey = `d|${aRegistrationId(1)}`;
    const good = await table.getEntity(partitionKey, rowKey);
    await table.updateEntity({ partitionKey, rowKey, json: "{}" }, "Replace");
    await expect(store.checkOut(rollId, 0, "t")).rejects.toThrow(`table batches, row "${partitionKey}" / "${rowKey}"`);
    await expect(store.read(rollId, 0)).rejects.toMatchObject({ code: "store-corrupt", retryable: false });
    const json = String(good["json"]).replaceAll(aRegistrationId(1), aRegistrationId(8));
    await table.updateEntity({ partitionKey, rowKey, json }, "Replace");
    await expect(store.read(rollId, 0)).rejects.toMatchObject({ code: "store-corrupt" });
  });

  test("the device's state lies in a column of its own and follows the row", async () => {
    const { clients, store, rollId, partitionKey } = await open();
    const state = async () =>
      (await (await clients.table("batches")).getEntity(partitionKey, `d|${aRegistrationId(0)}`))["state"];
    expect(await state()).toBe("planned");
    await (await checkedOut(store, rollId, "mine")).settle(undefined, [contained(0)]);
    expect(await state()).toBe("contained");
  });

  test("a write whose answer is lost stands: its repetition neither loses the lease nor writes twice", async () => {
    const { clients, store, rollId } = await open();
    let writes = 0;
    intercept(
      await clients.table("batches"),
      async (request, send) => {
        const answer = await send();
        if (!request.url.endsWith("$batch") || (writes += 1) % 2 === 0) return answer;
        answer.headers.set("retry-after", "0");
        return { ...answer, status: 503 };
      },
      { eachTry: true },
    );
    expect(await store.create(rollId, 1, devices(2))).toBe(true);
    const batch = await checkedOut(store, rollId, "mine");
    await batch.intend(anEntry("intent"), [contained(0)]);
    await batch.settle(anEntry("outcome"), [contained(1)]);
    expect(writes).toBe(6);
    expect(await store.read(rollId, 0)).toEqual({
      header: { rollId, batch: 0, journalLength: 2 },
      rows: [contained(0), contained(1), aDevice(2)],
    });
  });

  test("storage operations are as few as documented", async () => {
    const { clients, store, rollId } = await open(BATCH_SIZE);
    const table = await clients.table("batches");
    expect(await operations(table, () => store.create(rollId, 1, devices(BATCH_SIZE)))).toBe(1);
    expect(await operations(table, () => store.read(rollId, 0))).toBe(1);
    expect(await operations(table, () => store.checkOut(rollId, 0, "mine"))).toBe(1);
    const batch = await checkedOut(store, rollId, "mine");
    const all = Array.from({ length: BATCH_SIZE }, (_, n) => contained(n));
    expect(await operations(table, () => batch.settle(undefined, []))).toBe(0);
    expect(await operations(table, () => batch.intend(anEntry("intent"), all))).toBe(1);
    expect(await operations(table, () => batch.settle(anEntry("outcome"), all))).toBe(1);
    expect(await operations(table, () => store.readJournal(rollId, 0))).toBe(1);
  });
});
