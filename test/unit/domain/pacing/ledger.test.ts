import fc from "fast-check";
import { addMs, type Instant } from "../../../../shared/domain/instant";
import {
  AHEAD_MS,
  factorNow,
  heed,
  reserve,
  type Granted,
  type LedgerRow,
  type Priority,
  type Rate,
} from "../../../../shared/domain/pacing/ledger";
import { t0 } from "../../../support/builders";

const rates = new Map<string, Rate>([
  // Two units a second, and one every three seconds.
  ["fast", { perSecond: 2, burstMs: 30_000 }],
  ["slow", { perSecond: 1 / 3, burstMs: 30_000 }],
  ["even", { perSecond: 2, burstMs: 0 }],
]);
const at = (seconds: number): Instant => addMs(t0, seconds * 1_000);

/** A ledger that keeps what it grants. */
class Book {
  readonly taken: { name: string; units: number; at: number; priority: Priority }[] = [];
  private readonly rows = new Map<string, LedgerRow>();

  take(resources: Readonly<Record<string, number>>, when: Instant, priority: Priority = "expiry"): Granted<string> {
    const wanted = { resources: new Map(Object.entries(resources)), priority, at: when };
    const { granted, rows } = reserve(wanted, this.rows, rates);
    for (const [name, row] of rows) this.rows.set(name, row);
    if (granted.outcome === "granted") {
      for (const [name, units] of wanted.resources) this.taken.push({ name, units, at: granted.grantedAt, priority });
    }
    return granted;
  }

  heed(name: string, feedback: Parameters<typeof heed>[1], when: Instant): void {
    this.rows.set(name, heed(this.rows.get(name), feedback, when));
  }

  /** The most units of a resource in any window of this length, less the largest batch. */
  mostIn(name: string, windowMs: number, only: readonly Priority[] = ["breach", "expiry"]): number {
    const uses = this.taken.filter((use) => use.name === name && only.includes(use.priority));
    const sums = uses.map((first) =>
      uses.reduce((sum, use) => sum + (use.at >= first.at && use.at < first.at + windowMs ? use.units : 0), 0),
    );
    return Math.max(0, ...sums) - Math.max(0, ...uses.map((use) => use.units));
  }
}

const granted = (seconds: number) => ({ outcome: "granted", grantedAt: at(seconds) });

describe("reserve", () => {
  it("grants a rested resource at once, and the next batch when the first has run down", () => {
    const book = new Book();
    expect(book.take({ fast: 20 }, at(0))).toEqual({ ...granted(0), spreadMs: 10_000, binding: "fast" });
    expect(book.take({ fast: 20 }, at(1))).toMatchObject(granted(10));
    expect(book.take({ fast: 20 }, at(25))).toMatchObject(granted(25));
  });

  it("grants at most thirty seconds ahead, and takes nothing from whom it turns away", () => {
    const book = new Book();
    book.take({ fast: 60 }, at(0));
    expect(book.take({ fast: 10 }, at(0))).toMatchObject(granted(30));
    expect(book.take({ fast: 10 }, at(0))).toEqual({ outcome: "later", tryAt: at(20), binding: "fast" });
    expect(book.take({ fast: 10 }, at(5))).toMatchObject(granted(35));
  });

  it("takes all of a batch's resources from the moment the slowest is free, or none", () => {
    const book = new Book();
    book.take({ slow: 5 }, at(0));
    expect(book.take({ fast: 4, slow: 1 }, at(0))).toEqual({ ...granted(15), spreadMs: 3_000, binding: "slow" });
    expect(book.take({ fast: 2 }, at(0))).toMatchObject({ ...granted(17), binding: "fast" });
    book.take({ slow: 10 }, at(0));
    expect(book.take({ fast: 4, slow: 1 }, at(0))).toMatchObject({ outcome: "later", binding: "slow" });
    expect(book.take({ fast: 2 }, at(0))).toMatchObject(granted(18));
  });

  it("lets a breach go at once though expiry is booked thirty seconds ahead, and expiry waits for both", () => {
    const book = new Book();
    book.take({ fast: 60 }, at(0));
    expect(book.take({ fast: 20 }, at(0), "breach")).toMatchObject(granted(0));
    expect(book.take({ fast: 20 }, at(0), "breach")).toMatchObject(granted(10));
    expect(book.take({ fast: 2 }, at(0))).toMatchObject({ outcome: "later" });
    expect(book.take({ fast: 2 }, at(20))).toMatchObject(granted(50));
  });

  it("lets a breach take at once what bears a burst, and nothing else faster than its rate", () => {
    const book = new Book();
    for (let n = 0; n < 3; n += 1) expect(book.take({ fast: 20 }, at(0), "breach")).toMatchObject(granted(0));
    expect(book.take({ even: 20 }, at(0), "breach")).toMatchObject(granted(0));
    expect(book.take({ even: 20 }, at(0), "breach")).toMatchObject(granted(10));
    // Ahead of the rest all the same.
    const other = new Book();
    other.take({ even: 60 }, at(0));
    expect(other.take({ even: 20 }, at(0), "breach")).toMatchObject(granted(0));
    expect(other.take({ even: 20 }, at(0), "breach")).toMatchObject(granted(10));
  });

  it("gives expiry what a breach leaves over, and nothing while it takes all", () => {
    const book = new Book();
    for (let second = 0; second < 600; second += 5) {
      while (book.take({ fast: 20 }, at(second), "breach").outcome === "granted");
      expect(book.take({ fast: 2 }, at(second))).toMatchObject({ outcome: "later" });
    }
    // From the end of the breach's bookings on the rest has it all.
    expect(book.take({ fast: 2 }, at(660))).toMatchObject({ outcome: "granted" });
  });

  it("never exceeds a rate, whoever asks for what and when", () => {
    const ask = fc.record({
      wait: fc.integer({ min: 0, max: 40 }),
      fast: fc.integer({ min: 0, max: 30 }),
      slow: fc.integer({ min: 0, max: 6 }),
      even: fc.integer({ min: 0, max: 30 }),
      priority: fc.constantFrom<Priority>("breach", "expiry"),
    });
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 120 }), fc.integer({ min: 1, max: 120 }), (asks, windowSeconds) => {
        const [all, quiet] = [new Book(), new Book()];
        let second = 0;
        for (const { wait, priority, ...units } of asks) {
          second += wait;
          const resources = Object.fromEntries(Object.entries(units).filter(([, wanted]) => wanted > 0));
          if (Object.keys(resources).length === 0) continue;
          const answer = all.take(resources, at(second), priority);
          quiet.take(resources, at(second));
          const when = answer.outcome === "granted" ? answer.grantedAt : answer.tryAt;
          expect(when).toBeGreaterThanOrEqual(at(second));
          if (answer.outcome === "granted") expect(when).toBeLessThanOrEqual(at(second) + AHEAD_MS);
          else expect(when).toBeGreaterThan(at(second));
        }
        for (const [name, { perSecond, burstMs }] of rates) {
          // A millisecond per batch is lost to rounding up.
          const slack = 0.001 * asks.length * perSecond + 1e-6;
          expect(quiet.mostIn(name, windowSeconds * 1_000)).toBeLessThanOrEqual(perSecond * windowSeconds + slack);
          const breaches = perSecond * (windowSeconds + burstMs / 1_000);
          expect(all.mostIn(name, windowSeconds * 1_000, ["breach"])).toBeLessThanOrEqual(breaches + slack);
          const both = perSecond * (windowSeconds + AHEAD_MS / 1_000);
          expect(all.mostIn(name, windowSeconds * 1_000)).toBeLessThanOrEqual(both + slack);
        }
      }),
    );
  });

  it("wastes nothing while somebody always asks", () => {
    const book = new Book();
    for (let second = 0; second < 600; second += 5) while (book.take({ fast: 15 }, at(second)).outcome === "granted");
    const used = book.taken.filter((use) => use.at < at(600)).reduce((sum, use) => sum + use.units, 0);
    expect(used).toBe(1_200);
  });

  it("refuses a resource that has no rate, and a reservation of nothing", () => {
    expect(() => new Book().take({ unheard: 1 }, at(0))).toThrow(RangeError);
    expect(() => new Book().take({}, at(0))).toThrow(RangeError);
  });
});

describe("heed", () => {
  const fresh = heed(undefined, { kind: "throttled" }, at(0));

  it("halves the pace at once, and no more than once a minute", () => {
    expect(factorNow(fresh, at(0))).toBe(0.5);
    expect(heed(fresh, { kind: "throttled" }, at(59))).toEqual(fresh);
    expect(factorNow(heed(fresh, { kind: "lag" }, at(60)), at(60))).toBe(0.275);
  });

  it("gives a twentieth back per quiet minute, up to the whole", () => {
    expect([59, 60, 120, 600, 6_000].map((second) => factorNow(fresh, at(second)))).toEqual([0.5, 0.55, 0.6, 1, 1]);
  });

  it("never slows down to nothing", () => {
    let row = fresh;
    for (let minute = 1; minute < 200; minute += 1) row = heed(row, { kind: "throttled" }, at(60 * minute));
    expect(row.factor).toBeGreaterThanOrEqual(0.05);
    expect(row.factor).toBeCloseTo(0.05, 6);
  });

  it("makes the next batches take longer, and keeps the service's own wish for everybody", () => {
    const book = new Book();
    book.take({ fast: 1 }, at(0));
    book.heed("fast", { kind: "throttled", retryAfterMs: 20_000 }, at(1));
    expect(book.take({ fast: 10 }, at(1), "breach")).toMatchObject({ ...granted(21), spreadMs: 10_000 });
    expect(book.take({ fast: 10 }, at(1))).toMatchObject(granted(31));
  });

  it("a later, shorter wish does not cut an earlier, longer one", () => {
    const first = heed(undefined, { kind: "throttled", retryAfterMs: 20_000 }, at(0));
    expect(heed(first, { kind: "throttled", retryAfterMs: 1_000 }, at(1)).notBefore).toBe(at(20));
  });
});
