import { TableFactStore } from "../../../shared/adapters/store/fact-store";
import { TableSourceCounters } from "../../../shared/adapters/store/source-counters";
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
import {
  MemoryAlertLog,
  MemoryPolicyStore,
  MemoryProposalStore,
  MemorySourceCounters,
} from "../../support/memory-intake";
import { factPartition } from "../../../shared/domain/device-facts";
import { DeviceId } from "../../../shared/domain/ids";
import { NO_EVENTS } from "../../../shared/domain/source-counts";
import type { SourceCounters } from "../../../shared/ports/source-counters";
import type { FactList, FactStore } from "../../../shared/ports/stores";
import { MemoryFactStore } from "../../support/memory-stores";
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
    expect(await store.get(keys[0] ?? "")).toMatchObject({ expiry: { id: "p-1" }, state: "started" });
    expect(await store.get(keys[2] ?? "")).toBeUndefined();
  });
});

describe.each<[string, () => readonly [SourceCounters, SourceCounters], () => FactStore & FactList]>([
  [
    "in memory",
    () => {
      const counters = new MemorySourceCounters();
      return [counters, counters];
    },
    () => new MemoryFactStore(),
  ],
  [
    "on Azure Tables",
    () => {
      const clients = storage.open();
      return [new TableSourceCounters(clients), new TableSourceCounters(clients)];
    },
    () => new TableFactStore(storage.open()),
  ],
])("what was heard, %s", (_where, makeCounters, makeFacts) => {
  test("sums are right though two processes count the same source", async () => {
    const [one, other] = makeCounters();
    for (let n = 0; n < 4; n += 1)
      await (n % 2 === 0 ? one : other).add(
        "hub/0",
        { ...NO_EVENTS, received: 2, applied: 1, stale: 1 },
        addMs(start, n),
      );
    await one.add("hub/1", { ...NO_EVENTS, received: 1, poison: 1 }, start);
    expect(await other.list()).toEqual([
      { ...NO_EVENTS, source: "hub/0", received: 8, applied: 4, stale: 4, since: start, until: addMs(start, 3) },
      { ...NO_EVENTS, source: "hub/1", received: 1, poison: 1, since: start, until: start },
    ]);
  });

  test("merging says what was known before, and a partition is read page by page", async () => {
    const facts = makeFacts();
    const ids = Array.from({ length: 200 }, (_, n) => DeviceId.parse(`pump#${n}`)).filter(
      (id) => factPartition(id) === 3,
    );
    const at = (n: number) => ({ enqueuedAt: addMs(start, n), partition: "0", sequenceNumber: n });
    expect((await facts.merge(ids.map((deviceId) => ({ deviceId, lastSeen: at(1) })))).size).toBe(0);
    const before = await facts.merge(ids.slice(0, 2).map((deviceId) => ({ deviceId, lastSeen: at(2) })));
    expect([...before.values()].map(({ lastSeen }) => lastSeen)).toEqual([at(1), at(1)]);
    const first = await facts.page(3, { limit: 2 });
    const last = first.at(-1)?.deviceId;
    const rest = await facts.page(3, { limit: 1_000, ...(last === undefined ? {} : { after: last }) });
    expect([...first, ...rest].map(({ deviceId }) => deviceId).sort()).toEqual([...ids].sort());
    expect(await facts.page(3, { limit: 10, after: "zzz" })).toEqual([]);
  });
});
