import { BlobEvidenceStore } from "../../../shared/adapters/store/evidence-store";
import type { EvidenceStore } from "../../../shared/ports/evidence";
import { azuriteForThisFile } from "../../support/azurite";
import { otherRollId, rollId } from "../../support/builders";
import { MemoryEvidenceStore } from "../../support/memory-evidence";

const storage = azuriteForThisFile();

describe.each<[string, () => EvidenceStore]>([
  ["in memory", () => new MemoryEvidenceStore()],
  ["in blobs", () => new BlobEvidenceStore(storage.open())],
])("pages of evidence %s", (_where, make) => {
  test("are read back line by line", async () => {
    const store = make();
    const lines = ['{"a":"ä\\n"}', '{"b":2}'];
    expect(await store.putPage(rollId, 1, lines)).toEqual(lines);
    expect(await store.readPage(rollId, 1)).toEqual(lines);
  });

  test("stand as they were first written, and whoever comes later is told so", async () => {
    const store = make();
    await store.putPage(rollId, 2, ["first"]);
    expect(await store.putPage(rollId, 2, ["second"])).toEqual(["first"]);
    expect(await store.readPage(rollId, 2)).toEqual(["first"]);
  });

  test("may be empty", async () => {
    const store = make();
    expect(await store.putPage(rollId, 3, [])).toEqual([]);
    expect(await store.readPage(rollId, 3)).toEqual([]);
  });

  test("belong to one roll", async () => {
    const store = make();
    await store.putPage(rollId, 4, ["mine"]);
    expect(await store.readPage(otherRollId, 4)).toBeUndefined();
  });
});
