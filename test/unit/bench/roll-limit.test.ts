import { flowOf, leastUses, limitOf, rateOf, scaled, scaleFor, type Allowance } from "../../../bench/roll/limit";

const whole = (tier: Allowance["tier"], units = 1): Allowance => ({ tier, units, dpsPerMinute: 1_000, share: 1 });

describe("what the quotas allow", () => {
  test("an S1's registry lets an individual breach go at 50 devices a minute", () => {
    const limit = limitOf("individual-breach", 10_000, whole("S1"));
    expect(limit.binding).toBe("registry");
    expect(limit.seconds).toBeCloseTo(12_000);
    expect(limit.devicesPerSecond * 60).toBeCloseTo(50);
  });

  test("an S3 leaves DPS as the narrow place: two calls per device of a breach, 500 devices a minute", () => {
    const limit = limitOf("individual-breach", 10_000, whole("S3"));
    expect(limit.binding).toBe("operations");
    expect(limit.seconds).toBeCloseTo(1_200);
  });

  test("phases of a playbook come one after another", () => {
    // 1,000 registrations a minute, then 1,000 writes a minute.
    expect(limitOf("individual-expiry", 1_000, whole("S3")).seconds).toBeCloseTo(120);
    const single = limitOf("group-expiry", 1_000, whole("S3"));
    expect(single.binding).toBe("registrations");
    expect(single.seconds).toBeCloseTo(60);
  });

  test("an import job is no registry operation", () => {
    expect(limitOf("group-breach", 1_000, whole("S1")).binding).toBe("registry");
    expect(limitOf("group-breach-in-bulk", 1_000, whole("S1"))).toMatchObject({ binding: "registrations" });
  });

  test("the share that rolls may take slows them all", () => {
    const all = limitOf("group-expiry", 900, whole("S3"));
    const most = limitOf("group-expiry", 900, { ...whole("S3"), share: 0.9 });
    expect(most.seconds).toBeCloseTo(all.seconds / 0.9);
  });

  test("rates are per second, methods in calls of 4 KB", () => {
    expect(rateOf("registry", whole("S1"))).toBeCloseTo(100 / 60);
    expect(rateOf("methods", whole("S1", 2))).toBe(80);
    expect(rateOf("twinReads", whole("S1", 50))).toBe(100);
    expect(rateOf("twinReads", whole("S3"))).toBe(500);
    expect(rateOf("operations", { ...whole("S3"), share: 0.5 })).toBeCloseTo(500 / 60);
  });

  test("the least uses are summed over the phases", () => {
    expect(leastUses("individual-expiry", "operations")).toBe(2);
    expect(leastUses("individual-expiry", "registry")).toBe(0);
  });

  test("the scale is the least that allows the pace", () => {
    const scale = scaleFor("individual-breach", "S1", 8, 0.9);
    expect(limitOf("individual-breach", 1, scaled("S1", scale, 0.9)).devicesPerSecond).toBeGreaterThanOrEqual(8);
    expect(limitOf("individual-breach", 1, scaled("S1", scale - 1, 0.9)).devicesPerSecond).toBeLessThan(8);
    expect(scaleFor("group-expiry", "S3", 8, 0.9)).toBe(1);
    expect(scaleFor("individual-breach", "S1", 100_000, 0.9)).toBe(200);
  });
});

describe("the flow through a resource", () => {
  const every = (ms: number, count: number): number[] => Array.from({ length: count }, (_, n) => n * ms);
  const none = { burst: 0, holdMs: 0 };

  test("is uses per second by uses per device", () => {
    expect(flowOf(every(100, 101), 101, none)).toBeCloseTo(10);
    expect(flowOf(every(100, 200), 100, none)).toBeCloseTo(5);
  });

  test("leaves the burst out, though never more than half", () => {
    const burst = Array.from({ length: 50 }, () => 0);
    const uses = [...burst, ...every(100, 51).map((at) => at + 100)];
    expect(flowOf(uses, uses.length, none)).toBeGreaterThan(19);
    expect(flowOf(uses, uses.length, { burst: 50, holdMs: 0 })).toBeCloseTo(10);
    expect(flowOf(uses, uses.length, { burst: 5_000, holdMs: 0 })).toBeCloseTo(10);
  });

  test("leaves the hold out, as far as the burst has not covered it", () => {
    // Half before the hold of ten seconds, half after it.
    const uses = [...every(100, 51), ...every(100, 51).map((at) => at + 15_000)];
    expect(flowOf(uses, 102, { burst: 0, holdMs: 10_000 })).toBeCloseTo(10.1);
    // The burst ends with the fifty-first use, five seconds from the beginning.
    expect(flowOf(uses, 102, { burst: 50, holdMs: 10_000 })).toBeCloseTo(5.1);
    expect(flowOf(uses, 102, { burst: 51, holdMs: 10_000 })).toBeCloseTo(10);
  });

  test("is unknown where nothing flowed", () => {
    expect(flowOf([], 10, none)).toBeUndefined();
    expect(flowOf([5], 10, none)).toBeUndefined();
    expect(flowOf([5, 5, 5], 10, none)).toBeUndefined();
    expect(flowOf([0, 500], 10, { burst: 0, holdMs: 1_000 })).toBeUndefined();
  });
});
