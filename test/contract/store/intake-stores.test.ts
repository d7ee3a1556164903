import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { TableAlertLog } from "../../../shared/adapters/store/alert-log-store";
import { TablePolicyStore } from "../../../shared/adapters/store/policy-store";
import { addMs } from "../../../shared/domain/instant";
import { DEFAULT_POLICIES } from "../../../shared/domain/policy/policies";
import type { AlertLog } from "../../../shared/ports/alert-log";
import type { PolicyStore } from "../../../shared/ports/policies";
import { azuriteForThisFile } from "../../support/azurite";
import { MemoryAlertLog, MemoryPolicyStore } from "../../support/memory-intake";
import { start } from "./samples";

const storage = azuriteForThisFile();

describe.each<[string, () => PolicyStore, () => AlertLog]>([
  ["in memory", () => new MemoryPolicyStore(), () => new MemoryAlertLog()],
  ["on Azure Tables", () => new TablePolicyStore(storage.open()), () => new TableAlertLog(storage.open(), nodeEntropy)],
])("%s", (_where, makePolicies, makeLog) => {
  test("policies are the defaults, then the newest version; a number is set once", async () => {
    const store = makePolicies();
    expect(await store.current()).toEqual(DEFAULT_POLICIES);
    const version = (n: number) => ({ ...DEFAULT_POLICIES, version: n, setBy: "ada", setAt: start });
    expect(await store.set(version(1))).toBe(true);
    expect(await store.set(version(1))).toBe(false);
    expect(await store.set(version(2))).toBe(true);
    expect(await store.current()).toEqual(version(2));
    expect((await store.history()).map((one) => one.version)).toEqual([2, 1]);
  });

  test("alerts are listed newest first, page by page, each once", async () => {
    const log = makeLog();
    expect(await log.list({ limit: 10 })).toEqual({ records: [] });
    for (let n = 0; n < 5; n += 1)
      await log.note({ at: addMs(start, n), source: "soc", id: `a-${n}`, type: "breach", outcome: "recorded" });
    const first = await log.list({ limit: 2 });
    expect(first.records.map(({ id }) => id)).toEqual(["a-4", "a-3"]);
    const second = await log.list({ limit: 3, after: first.next ?? "" });
    expect(second.records.map(({ id }) => id)).toEqual(["a-2", "a-1", "a-0"]);
    expect(second.next).toBeUndefined();
  });
});
