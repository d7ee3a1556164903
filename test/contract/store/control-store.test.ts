import { TableControlStore } from "../../../shared/adapters/store/control-store";
import type { RollId } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import { control, newControl } from "../../../shared/domain/roll/control";
import type { ControlCommand, ControlDecision, RollControl } from "../../../shared/domain/roll/control";
import type { ControlStore } from "../../../shared/ports/control";
import { azuriteForThisFile, intercept, operations } from "../../support/azurite";
import { MemoryControlStore } from "../../support/memory-control";
import { aRollId, start } from "./samples";

const storage = azuriteForThisFile();

const times = {
  windows: [{ cron: "0 22 * * *", timeZone: "UTC", durationMinutes: 60 }],
  freezes: [{ from: start, until: addMs(start, 1), reason: "peak" }],
};
const roll = { phase: "awaiting", finished: false, plan: { hash: "A".repeat(64), waves: 100 } };
const order = (commandId: string) => ({ commandId, by: "ada", at: start, note: "because" });
const say = (command: ControlCommand) => (current: RollControl) => control(current, command, roll);
const retry = (commandId: string) => say({ ...order(commandId), verb: "retry" });
const pause = say({ ...order("p"), verb: "pause" });
const approveWave = (wave: number) => say({ ...order(`w${wave}`), verb: "approve", subject: { kind: "wave", wave } });

async function created(store: ControlStore): Promise<RollId> {
  const rollId = aRollId();
  await store.create(newControl(rollId, times));
  return rollId;
}

describe.each([
  ["in memory", (): ControlStore => new MemoryControlStore()],
  ["on Azure Tables", (): ControlStore => new TableControlStore(storage.open())],
])("control rows %s", (_where, make) => {
  test("a control row is created once, and read back whole", async () => {
    const store = make();
    const rollId = aRollId();
    expect(await store.get(rollId)).toBeUndefined();
    expect(await store.create(newControl(rollId, times))).toBe(true);
    expect(await store.create(newControl(rollId, { windows: [], freezes: [] }))).toBe(false);
    expect(await store.get(rollId)).toEqual(newControl(rollId, times));
    expect(await store.readJournal(rollId)).toEqual([]);
  });

  test("a command changes the row and stands in the journal for ever", async () => {
    const store = make();
    const rollId = await created(store);
    expect(await store.change(rollId, pause)).toMatchObject({ outcome: "changed", control: { desired: "paused" } });
    await store.change(rollId, approveWave(2));
    expect(await store.get(rollId)).toMatchObject({ desired: "paused", revision: 2, approvals: [{ by: "ada" }] });
    expect(await store.readJournal(rollId)).toEqual([
      { command: { ...order("p"), verb: "pause" }, before: "running", after: "paused" },
      {
        command: { ...order("w2"), verb: "approve", subject: { kind: "wave", wave: 2 } },
        before: "paused",
        after: "paused",
      },
    ]);
  });

  test("a command that changes nothing, or is refused, leaves no trace", async () => {
    const store = make();
    const rollId = await created(store);
    await store.change(rollId, pause);
    const before = await store.get(rollId);
    expect(await store.change(rollId, pause)).toMatchObject({ outcome: "unchanged" });
    expect(await store.change(rollId, approveWave(100))).toMatchObject({ outcome: "refused", reason: "unknown-wave" });
    expect(await store.get(rollId)).toEqual(before);
    expect(await store.readJournal(rollId)).toHaveLength(1);
  });

  test("of commands given at once none is lost, and each stands in the journal once", async () => {
    const store = make();
    const rollId = await created(store);
    const ids = Array.from({ length: 8 }, (_, n) => `r${n}`);
    await Promise.all([...ids, ...ids].map((id) => store.change(rollId, retry(id))));
    expect(await store.get(rollId)).toMatchObject({ retries: 8, revision: 8 });
    const entries = await store.readJournal(rollId);
    expect(entries.map(({ command }) => command.commandId).sort()).toEqual(ids);
  });

  test("a roll without a control row cannot be commanded", async () => {
    const store = make();
    expect(await store.change(aRollId(), pause)).toBeUndefined();
  });

  test("what could not be read back is not written, neither row nor entry", async () => {
    const store = make();
    const rollId = await created(store);
    const broken = (current: RollControl): ControlDecision => {
      const decision = pause(current);
      return decision.outcome === "changed" ? { ...decision, control: { ...current, retries: -1 } } : decision;
    };
    await expect(store.change(rollId, broken)).rejects.toMatchObject({ code: "store-corrupt" });
    expect(await store.get(rollId)).toEqual(newControl(rollId, times));
    expect(await store.readJournal(rollId)).toEqual([]);
  });
});

describe("control rows on Azure Tables", () => {
  test("cost one storage operation to read and two to change", async () => {
    const clients = storage.open();
    const store = new TableControlStore(clients);
    const rollId = await created(store);
    const table = await clients.table("control");
    expect(await operations(table, () => store.get(rollId))).toBe(1);
    expect(await operations(table, () => store.change(rollId, pause))).toBe(2);
    expect(await operations(table, () => store.change(rollId, pause))).toBe(1);
  });

  test("a command whose answer is lost is carried out once", async () => {
    const clients = storage.open();
    const store = new TableControlStore(clients);
    const rollId = await created(store);
    let lost = 0;
    const stop = intercept(
      await clients.table("control"),
      async (request, send) => {
        const answer = await send();
        if (request.method !== "POST" || lost > 0) return answer;
        lost += 1;
        return { ...answer, status: 503 };
      },
      { eachTry: true },
    );
    const decision = await store.change(rollId, retry("once"));
    stop();
    expect(lost).toBe(1);
    expect(decision).toMatchObject({ outcome: "unchanged", control: { retries: 1 } });
    expect(await store.readJournal(rollId)).toHaveLength(1);
  });
});
