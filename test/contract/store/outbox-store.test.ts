import { TableOutbox } from "../../../shared/adapters/store/outbox-store";
import { addMs } from "../../../shared/domain/instant";
import type { Notice } from "../../../shared/domain/notice";
import type { Outbox } from "../../../shared/ports/notices";
import { azuriteForThisFile } from "../../support/azurite";
import { rollId, t0 } from "../../support/builders";
import { MemoryOutbox } from "../../support/memory-outbox";

const storage = azuriteForThisFile();
const notice: Notice = { id: `finished|${rollId}`, kind: "finished", rollId, at: t0, text: "over" };

describe.each<[string, () => Outbox]>([
  ["in memory", () => new MemoryOutbox()],
  ["in a table", () => new TableOutbox(storage.open())],
])("the outbox %s", (_where, make) => {
  test("keeps a notice once, postpones it, and forgets it never", async () => {
    const outbox = make();
    await outbox.put(notice);
    await outbox.put({ ...notice, text: "again" });
    const [posting, ...more] = await outbox.due(t0, 10);
    expect(more).toEqual([]);
    expect(posting).toEqual({ notice, tries: 0, dueAt: t0 });
    await outbox.postpone(posting!, addMs(t0, 1_000));
    expect(await outbox.due(addMs(t0, 999), 10)).toEqual([]);
    const [again] = await outbox.due(addMs(t0, 1_000), 10);
    expect(again).toMatchObject({ tries: 1 });
    await outbox.settle(again!);
    await outbox.put(notice);
    expect(await outbox.due(addMs(t0, 86_400_000), 10)).toEqual([]);
  });
});
