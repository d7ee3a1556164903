import { TableLedger } from "../../../shared/adapters/store/ledger-store";
import { addMs, type Instant } from "../../../shared/domain/instant";
import type { Priority, Rate } from "../../../shared/domain/pacing/ledger";
import type { ResourceName } from "../../../shared/domain/pacing/quotas";
import type { Clock } from "../../../shared/ports/clock";
import type { QuotaLedger } from "../../../shared/ports/ledger";
import { azuriteForThisFile, intercept, operations } from "../../support/azurite";
import { MemoryLedger } from "../../support/memory-ledger";
import { hubName } from "../../support/builders";
import { start } from "./samples";

const storage = azuriteForThisFile();

const OPERATIONS: ResourceName = "dps/operations";
const REGISTRY: ResourceName = `${hubName}/registry`;
const rates = new Map<ResourceName, Rate>([
  [OPERATIONS, { perSecond: 15, burstMs: 30_000 }],
  [REGISTRY, { perSecond: 1.5, burstMs: 30_000 }],
]);
const POOL = "contoso.azure-devices-provisioning.net";

interface VirtualClock extends Clock {
  at: Instant;
}
const aClock = (): VirtualClock => {
  const clock = { at: start, now: () => clock.at };
  return clock;
};
const want = (at: Instant, resources: readonly (readonly [ResourceName, number])[], priority: Priority = "expiry") => ({
  resources: new Map(resources),
  priority,
  at,
});

/** Makes several ledgers that share what they know only through the store. */
type Make = (clock: Clock, processes: number) => QuotaLedger[];

describe.each<[string, Make]>([
  [
    "in memory",
    (clock, processes) => {
      const ledger = new MemoryLedger(rates, clock);
      return Array.from({ length: processes }, () => ledger);
    },
  ],
  [
    "on Azure Tables",
    (clock, processes) => {
      const clients = storage.open();
      return Array.from({ length: processes }, () => new TableLedger(clients, POOL, rates, clock));
    },
  ],
])("the quota ledger %s", (_where, make) => {
  test("another process waits for what the first one took", async () => {
    const [one, other] = make(aClock(), 2);
    expect(await one!.reserve(want(start, [[REGISTRY, 15]]))).toMatchObject({ outcome: "granted", grantedAt: start });
    expect(await other!.reserve(want(start, [[REGISTRY, 15]]))).toMatchObject({ grantedAt: addMs(start, 10_000) });
    expect(await one!.reserve(want(start, [[REGISTRY, 15]]))).toMatchObject({ grantedAt: addMs(start, 20_000) });
  });

  test("takes all resources or none", async () => {
    const [ledger] = make(aClock(), 1);
    await ledger!.reserve(want(start, [[REGISTRY, 60]]));
    const both = [
      [OPERATIONS, 90],
      [REGISTRY, 1],
    ] as const;
    expect(await ledger!.reserve(want(start, both))).toMatchObject({ outcome: "later", binding: REGISTRY });
    expect(await ledger!.reserve(want(start, [[OPERATIONS, 1]]))).toMatchObject({ grantedAt: start });
  });

  test("however many processes reserve at once, no minute has more than its quota", async () => {
    const clock = aClock();
    const ledgers = make(clock, 4);
    const uses: { readonly at: Instant; readonly units: number }[] = [];
    const BATCH = 30;
    for (let second = 0; second < 180; second += 10) {
      clock.at = addMs(start, second * 1_000);
      const wanted = want(clock.at, [
        [OPERATIONS, BATCH],
        [REGISTRY, 1],
      ]);
      const answers = await Promise.all([...ledgers, ...ledgers].map((ledger) => ledger.reserve(wanted)));
      for (const answer of answers) {
        if (answer.outcome === "granted") uses.push({ at: answer.grantedAt, units: BATCH });
      }
    }
    const inMinute = uses.map(({ at }) =>
      uses.reduce((sum, use) => sum + (use.at >= at && use.at < at + 60_000 ? use.units : 0), 0),
    );
    expect(Math.max(...inMinute)).toBeLessThanOrEqual(15 * 60 + BATCH);
    // And all of it was given out: what is asked for exceeds the quota at any time.
    const total = uses.filter(({ at }) => at < addMs(start, 180_000)).reduce((sum, { units }) => sum + units, 0);
    expect(total).toBe(15 * 180);
  });

  test("a breach is not kept waiting by what expiry has booked", async () => {
    const [expiry, breach] = make(aClock(), 2);
    await expiry!.reserve(want(start, [[OPERATIONS, 450]]));
    const urgent = await breach!.reserve(want(start, [[OPERATIONS, 90]], "breach"));
    expect(urgent).toMatchObject({ outcome: "granted", grantedAt: start });
    expect(await expiry!.reserve(want(start, [[OPERATIONS, 1]]))).toMatchObject({ outcome: "later" });
  });

  test("what one process is told, all heed", async () => {
    const clock = aClock();
    const [one, other] = make(clock, 2);
    await other!.reserve(want(start, [[OPERATIONS, 15]]));
    await Promise.all([1, 2, 3].map(() => one!.feedback(OPERATIONS, { kind: "throttled", retryAfterMs: 5_000 })));
    await one!.feedback(OPERATIONS, { kind: "lag" });
    expect(await one!.reserve(want(start, [[OPERATIONS, 15]], "breach"))).toMatchObject({
      grantedAt: addMs(start, 5_000),
      spreadMs: 2_000,
    });
    expect(await other!.reserve(want(start, [[OPERATIONS, 15]]))).toMatchObject({ grantedAt: addMs(start, 7_000) });
  });
});

describe("the quota ledger on Azure Tables", () => {
  const both = [
    [OPERATIONS, 1],
    [REGISTRY, 1],
  ] as const;

  test("costs at most two storage operations per reservation of two resources, and none for one that is put off", async () => {
    const clients = storage.open();
    const [one, other] = [1, 2].map(() => new TableLedger(clients, POOL, rates, aClock()));
    const table = await clients.table("ledger");
    expect(await operations(table, () => one!.reserve(want(start, both)))).toBe(2);
    expect(await operations(table, () => one!.reserve(want(start, both)))).toBe(1);
    expect(await operations(table, () => other!.reserve(want(start, both)))).toBe(2);
    expect(await operations(table, () => one!.reserve(want(start, [[REGISTRY, 60]])))).toBe(3);
    expect(await operations(table, () => one!.reserve(want(start, both)))).toBe(0);
  });

  test("calls of one process do not make each other lose", async () => {
    const clients = storage.open();
    const ledger = new TableLedger(clients, POOL, rates, aClock());
    const all = Array.from({ length: 8 }, () => want(start, [[OPERATIONS, 1]]));
    const table = await clients.table("ledger");
    expect(await operations(table, () => Promise.all(all.map((wanted) => ledger.reserve(wanted))))).toBe(9);
  });

  test("remembers across a restart what was taken", async () => {
    const clients = storage.open();
    await new TableLedger(clients, POOL, rates, aClock()).reserve(want(start, [[REGISTRY, 15]]));
    const answer = await new TableLedger(clients, POOL, rates, aClock()).reserve(want(start, both));
    expect(answer).toMatchObject({ grantedAt: addMs(start, 10_000), binding: REGISTRY });
  });

  test("a write whose answer is lost reserves too much, never too little", async () => {
    const clients = storage.open();
    const ledger = new TableLedger(clients, POOL, rates, aClock());
    let lost = 0;
    const stop = intercept(
      await clients.table("ledger"),
      async (request, send) => {
        const answer = await send();
        if (request.method !== "POST" || lost > 0) return answer;
        lost += 1;
        return { ...answer, status: 503 };
      },
      { eachTry: true },
    );
    const answer = await ledger.reserve(want(start, [[REGISTRY, 15]]));
    stop();
    expect(lost).toBe(1);
    expect(answer).toMatchObject({ outcome: "granted", grantedAt: addMs(start, 10_000) });
  });

  test("an outage fails the reservation and not the next one", async () => {
    const clients = storage.open();
    const ledger = new TableLedger(clients, POOL, rates, aClock());
    await ledger.reserve(want(start, both));
    const stop = intercept(await clients.table("ledger"), () => Promise.reject(new Error("cable cut")));
    await expect(ledger.reserve(want(start, both))).rejects.toThrow("cable cut");
    stop();
    expect(await ledger.reserve(want(start, both))).toMatchObject({ outcome: "granted" });
  });

  test("two DPS instances do not share a ledger", async () => {
    const clients = storage.open();
    await new TableLedger(clients, POOL, rates, aClock()).reserve(want(start, [[REGISTRY, 60]]));
    const other = new TableLedger(clients, "fabrikam.azure-devices-provisioning.net", rates, aClock());
    expect(await other.reserve(want(start, both))).toMatchObject({ grantedAt: start });
  });
});
