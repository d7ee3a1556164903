import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { TableProposalStore } from "../../../shared/adapters/store/proposal-store";
import { TableAlertLog } from "../../../shared/adapters/store/alert-log-store";
import { TablePolicyStore } from "../../../shared/adapters/store/policy-store";
import { addMs } from "../../../shared/domain/instant";
import { DEFAULT_POLICIES } from "../../../shared/domain/policy/policies";
import type { AlertLog } from "../../../shared/ports/alert-log";
import type { PolicyStore } from "../../../shared/ports/policies";
import { azuriteForThisFile } from "../../support/azurite";
import { Proposal } from "../../../shared/domain/expiry/proposal";
import type { ProposalStore } from "../../../shared/ports/proposals";
import { MemoryAlertLog, MemoryPolicyStore, MemoryProposalStore } from "../../support/memory-intake";
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

const aProposal = (n: number, state: "proposed" | "starting"): Proposal =>
  Proposal.parse({
    key: String(n).padStart(64, "0"),
    ...{ policyVersion: 1, rule: "leaf", notedAt: start, state },
    expiry: { level: "leaf", at: "enrollment", id: `p-${n}`, sha256Thumbprint: "AB".repeat(32), notAfter: start },
  });

describe.each<[string, () => ProposalStore]>([
  ["in memory", () => new MemoryProposalStore()],
  ["on Azure Tables", () => new TableProposalStore(storage.open())],
])("proposals %s", (_where, make) => {
  test("are noted once, also by two at the same time, and what is known stays as it is", async () => {
    const store = make();
    const many = Array.from({ length: 150 }, (_, n) => aProposal(n, "starting"));
    const [a, b] = await Promise.all([store.note(many), store.note(many)]);
    expect(a.length + b.length).toBe(150);
    expect(await store.note([aProposal(3, "proposed"), aProposal(999, "proposed")])).toHaveLength(1);
    expect(await store.listStarting()).toHaveLength(150);
    const page = await store.list({ limit: 100 });
    expect(page).toHaveLength(100);
    expect(await store.list({ limit: 100, after: page.at(-1)?.key ?? "" })).toHaveLength(51);
  });

  test("are changed where there is something to change", async () => {
    const store = make();
    await store.note([aProposal(1, "starting"), aProposal(2, "starting")]);
    const keys = [1, 2, 3].map((n) => aProposal(n, "starting").key);
    await store.update(keys, (stored) => (stored.expiry.id === "p-1" ? { ...stored, state: "started" } : undefined));
    expect((await store.list({ limit: 10 })).map(({ state }) => state)).toEqual(["started", "starting"]);
  });
});
