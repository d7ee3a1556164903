import { TableDueRows } from "../../../shared/adapters/store/due-store";
import { dueKey, type DueRow } from "../../../shared/domain/due";
import { addMs } from "../../../shared/domain/instant";
import type { DueRows } from "../../../shared/ports/due-rows";
import { azuriteForThisFile, operations } from "../../support/azurite";
import { MemoryDueRows } from "../../support/memory-due-rows";
import { aRollId, start } from "./samples";

const storage = azuriteForThisFile();

function aRow(subject: string, inMs: number, o: Partial<DueRow> = {}): DueRow {
  const rollId = o.rollId ?? aRollId();
  const key = dueKey("lift-deny", rollId, subject);
  return {
    key,
    kind: "lift-deny",
    dueAt: addMs(start, inMs),
    rollId,
    subject,
    reason: "it has expired",
    notedAt: start,
    ...o,
  };
}

describe.each([
  ["in memory", (): DueRows => new MemoryDueRows()],
  ["on Azure Tables", (): DueRows => new TableDueRows(storage.open())],
])("due rows %s", (_where, make) => {
  test("what is due at a moment is found, and nothing that is due later", async () => {
    const rows = make();
    const [early, exact, late] = [aRow("a", -5), aRow("b", 0), aRow("c", 1)];
    for (const row of [early, exact, late]) await rows.note(row);
    expect(new Set((await rows.due(start, 10)).map(({ key }) => key))).toEqual(new Set([early.key, exact.key]));
    expect(await rows.due(start, 1)).toHaveLength(1);
    expect(await rows.find(late.key)).toEqual(late);
  });

  test("noted again it moves; settled it is gone, twice without effect", async () => {
    const rows = make();
    const row = aRow("a", 0);
    await rows.note(row);
    await rows.note({ ...row, dueAt: addMs(start, 100) });
    expect(await rows.due(start, 10)).toEqual([]);
    expect(await rows.due(addMs(start, 100), 10)).toHaveLength(1);
    await rows.settle(row.key);
    await rows.settle(row.key);
    expect(await rows.list({ limit: 10 })).toEqual([]);
  });

  test("all of it is read page by page", async () => {
    const rows = make();
    const rollId = aRollId();
    for (let n = 0; n < 7; n += 1) await rows.note(aRow(`pump/${n} ü`, n, { rollId }));
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await rows.list({ limit: 3, ...(after === undefined ? {} : { after }) });
      seen.push(...page.map(({ subject }) => subject ?? ""));
      after = page.at(-1)?.key;
      if (page.length < 3) break;
    }
    expect(seen).toEqual(Array.from({ length: 7 }, (_, n) => `pump/${n} ü`));
  });
});

test("due rows cost one storage operation each", async () => {
  const clients = storage.open();
  const table = await clients.table("due");
  const rows = new TableDueRows(clients);
  const row = aRow("a", 0);
  expect(await operations(table, () => rows.note(row))).toBe(1);
  expect(await operations(table, () => rows.due(start, 50))).toBe(1);
  expect(await operations(table, () => rows.settle(row.key))).toBe(1);
});
