import type { Ticket } from "../../../shared/contract/pacing";
import { addMs } from "../../../shared/domain/instant";
import type { Rate } from "../../../shared/domain/pacing/ledger";
import type { ResourceName } from "../../../shared/domain/pacing/quotas";
import { RollError } from "../../../shared/domain/roll-error";
import { admit, heedThrottling, type Need } from "../../../shared/steps/pacer";
import { t0 } from "../../support/builders";
import { MemoryLedger } from "../../support/memory-ledger";

const OPERATIONS: ResourceName = "dps/operations";
const rates = new Map<ResourceName, Rate>([[OPERATIONS, { perSecond: 10, burstMs: 0 }]]);
const need = (units: number): Need => ({ resources: new Map([[OPERATIONS, units]]), priority: "expiry" });

function bed() {
  const clock = { at: t0, now: () => clock.at };
  const slept: number[] = [];
  const waiter = {
    sleep: (ms: number) => {
      slept.push(ms);
      clock.at = addMs(clock.at, ms);
      return Promise.resolve();
    },
  };
  return { clock, slept, waiter, ledger: new MemoryLedger(rates, clock) };
}

describe("admit", () => {
  it("lets a step go at once while there is quota", async () => {
    const deps = bed();
    expect(await admit(deps, need(50), undefined)).toEqual({ outcome: "go", spreadMs: 5_000 });
    expect(deps.slept).toEqual([]);
  });

  it("waits two seconds at most itself", async () => {
    const deps = bed();
    await admit(deps, need(20), undefined);
    expect(await admit(deps, need(1), undefined)).toEqual({ outcome: "go", spreadMs: 100 });
    expect(deps.slept).toEqual([2_000]);
  });

  it("hands out a ticket for a longer wait; whoever comes with it does not pay again", async () => {
    const deps = bed();
    await admit(deps, need(30), undefined);
    const ticket: Ticket = { grantedAt: addMs(t0, 3_000), spreadMs: 1_000 };
    expect(await admit(deps, need(10), undefined)).toEqual({
      outcome: "wait",
      wait: { until: ticket.grantedAt, ticket },
    });
    deps.clock.at = addMs(t0, 3_100);
    expect(await admit(deps, need(10), ticket)).toEqual({ outcome: "go", spreadMs: 1_000 });
    expect(await admit(deps, need(1), undefined)).toEqual({ outcome: "go", spreadMs: 100 });
    expect(deps.slept).toEqual([900]);
  });

  it("sends back whoever comes too early with a ticket", async () => {
    const deps = bed();
    const ticket: Ticket = { grantedAt: addMs(t0, 3_000), spreadMs: 0 };
    expect(await admit(deps, need(10), ticket)).toMatchObject({ outcome: "wait", wait: { ticket } });
  });

  it("does not honour a ticket of long ago", async () => {
    const deps = bed();
    await admit(deps, need(100), undefined);
    const stale: Ticket = { grantedAt: addMs(t0, -300_001), spreadMs: 0 };
    expect(await admit(deps, need(1), stale)).toMatchObject({ outcome: "wait" });
  });

  it("says when to come again, without a ticket, if too much is booked", async () => {
    const deps = bed();
    await admit(deps, need(400), undefined);
    expect(await admit(deps, need(1), undefined)).toEqual({
      outcome: "wait",
      wait: { until: addMs(t0, 25_000) },
    });
  });

  it("a step that needs nothing is not paced", async () => {
    const deps = bed();
    await admit(deps, need(400), undefined);
    expect(await admit(deps, need(0), undefined)).toEqual({ outcome: "go", spreadMs: 0 });
  });
});

describe("heedThrottling", () => {
  it("slows the resource down after a 429, and after nothing else", async () => {
    const { ledger, ...deps } = bed();
    await heedThrottling(ledger, OPERATIONS, new RollError("service-unavailable", "500", true));
    await heedThrottling(ledger, OPERATIONS, new Error("bug"));
    expect(await admit({ ...deps, ledger }, need(10), undefined)).toEqual({ outcome: "go", spreadMs: 1_000 });
    await heedThrottling(ledger, OPERATIONS, new RollError("service-throttled", "429", true, { retryAfterMs: 9_000 }));
    expect(await admit({ ...deps, ledger }, need(10), undefined)).toEqual({
      outcome: "wait",
      wait: { until: addMs(t0, 9_000), ticket: { grantedAt: addMs(t0, 9_000), spreadMs: 2_000 } },
    });
  });
});
