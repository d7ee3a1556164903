import { TableDenyLedger } from "../../../shared/adapters/store/deny-store";
import { denyId, type DenyEntry } from "../../../shared/domain/deny-entry";
import { addMs } from "../../../shared/domain/instant";
import type { DenyLedger } from "../../../shared/ports/deny-ledger";
import { azuriteForThisFile } from "../../support/azurite";
import { MemoryDenyLedger } from "../../support/memory-deny-ledger";
import { aRollId, start } from "./samples";

const storage = azuriteForThisFile();
let names = 0;

function anEntry(changes: Partial<DenyEntry> = {}): DenyEntry {
  names += 1;
  return {
    kind: "pin",
    target: `pump-${String(names).padStart(3, "0")}`,
    rollId: aRollId(),
    owner: "Kim",
    reason: "key in a public repository",
    createdAt: start,
    removeAfter: addMs(start, 1_000),
    ...changes,
  };
}

describe.each([
  ["in memory", (): DenyLedger => new MemoryDenyLedger()],
  ["on Azure Tables", (): DenyLedger => new TableDenyLedger(storage.open())],
])("the deny ledger %s", (_where, make) => {
  test("keeps everything an entry says", async () => {
    const ledger = make();
    const entry = anEntry({ lifted: { by: "Lee", at: start, reason: "CA is gone", early: true } });
    await ledger.note(entry);
    expect(await ledger.find(denyId(entry))).toEqual(entry);
    expect(await ledger.find("enrollment|nobody")).toBeUndefined();
  });

  test("lets a later roll's reason stand, and the later of both dates", async () => {
    const ledger = make();
    const first = anEntry({ removeAfter: addMs(start, 5_000) });
    const second = {
      ...first,
      kind: "deny",
      rollId: aRollId(),
      reason: "again",
      removeAfter: addMs(start, 1),
    } as const;
    await ledger.note(first);
    await ledger.note(second);
    expect(await ledger.find(denyId(first))).toEqual({ ...second, removeAfter: first.removeAfter });
  });

  test("changes an entry by decision, and none that is not there", async () => {
    const ledger = make();
    const entry = anEntry();
    await ledger.note(entry);
    const lifted = { by: "Lee", at: start, reason: "gone", early: false };
    const answer = await ledger.change(denyId(entry), (current) => ({ next: { ...current, lifted }, answer: 7 }));
    expect(answer).toBe(7);
    expect((await ledger.find(denyId(entry)))?.lifted).toEqual(lifted);
    expect(await ledger.change("enrollment|nobody", () => ({ answer: 7 }))).toBeUndefined();
  });

  test("decides again after a lost race, so that no change is lost", async () => {
    const ledger = make();
    const entry = anEntry({ reason: "" });
    await ledger.note(entry);
    const add = (mark: string): Promise<unknown> =>
      ledger.change(denyId(entry), (current) => ({ next: { ...current, reason: current.reason + mark }, answer: 0 }));
    await Promise.all(["a", "b", "c"].map(add));
    const reason = (await ledger.find(denyId(entry)))?.reason ?? "";
    expect(Array.from(reason).sort()).toEqual(["a", "b", "c"]);
  });

  test("lists by id, page by page", async () => {
    const ledger = make();
    const entries = [anEntry({ kind: "deny-group" }), anEntry(), anEntry(), anEntry()];
    for (const entry of entries) await ledger.note(entry);
    const ids: string[] = [];
    for (let after: string | undefined = "enrollment|pump-000"; after !== undefined;) {
      const page = await ledger.list({ limit: 2, after });
      expect(page.length).toBeLessThanOrEqual(2);
      ids.push(...page.map(denyId));
      after = page.length < 2 ? undefined : ids.at(-1);
    }
    expect(ids).toEqual([...ids].sort());
    expect(entries.map(denyId).filter((id) => !ids.includes(id))).toEqual([]);
  });
});
