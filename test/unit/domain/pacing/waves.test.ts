import fc from "fast-check";
import { RegistrationId } from "../../../../shared/domain/ids";
import { MAX_WAVES, partition, type WaveDevice } from "../../../../shared/domain/pacing/partition";
import { WavePolicy } from "../../../../shared/domain/pacing/wave-policy";

const id = (n: number): RegistrationId => RegistrationId.parse(`device-${n}`);
const everybody = Array.from({ length: 2_000 }, (_, at) => ({
  registrationId: id(at),
  tag: `ring-${at % 3}`,
}));
const fleet = (n: number): WaveDevice[] => everybody.slice(0, n);
const wavesOf = (policy: unknown, devices: readonly WaveDevice[]) => {
  const cut = partition(WavePolicy.parse(policy), devices);
  if (cut.outcome !== "partitioned") throw new Error(cut.reason);
  return cut.waves;
};
const sizesOf = (policy: unknown, n: number): Record<string, number> =>
  Object.fromEntries(wavesOf(policy, fleet(n)).map(({ wave }) => [wave.name, wave.size]));

const rules = fc.record(
  { successThreshold: fc.double({ min: 0, max: 1, noNaN: true }), minCount: fc.integer({ min: 1, max: 50 }) },
  { requiredKeys: [] },
);
const tag = fc.constantFrom("ring-0", "ring-1", "ring-2", "ring-9");
const ids = fc.array(fc.integer({ min: 0, max: 300 }).map(id), { minLength: 1, maxLength: 40 });
const percents = fc
  .array(fc.integer({ min: 1, max: 100 }), { maxLength: 8 })
  .filter((all) => all.reduce((sum, percent) => sum + percent, 0) <= 100);
const policies = fc.oneof(
  fc.record({ kind: fc.constant("all"), rules }),
  fc.record({
    kind: fc.constant("canary"),
    canary: fc.oneof(
      fc.record({ count: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ registrationIds: ids }),
      fc.record({ tag }),
    ),
    percents,
    rules,
  }),
  fc.record({
    kind: fc.constant("tags"),
    groups: fc.array(fc.record({ name: fc.constant("g"), tag }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("lists"),
    groups: fc.array(fc.record({ name: fc.constant("g"), registrationIds: ids }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("exponential"),
    base: fc.integer({ min: 1, max: 40 }),
    factor: fc.double({ min: 1.1, max: 10, noNaN: true }),
    maximum: fc.integer({ min: 1, max: 200 }),
  }),
);

describe("partition", () => {
  it("puts every device into exactly one wave, in the given order, whatever the policy", () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 0, max: 250 }), (policy, n) => {
        const devices = fleet(n);
        const cut = partition(WavePolicy.parse(policy), devices);
        if (cut.outcome === "refused") return;
        const positions = cut.waves.map((each) => each.devices.map((device) => devices.indexOf(device)));
        expect(positions.flat().sort((a, b) => a - b)).toEqual(devices.map((_, at) => at));
        for (const wave of positions) expect(wave).toEqual([...wave].sort((a, b) => a - b));
        for (const [at, { wave, devices: members }] of cut.waves.entries()) {
          expect(wave.number).toBe(at);
          expect(wave.size).toBe(members.length);
          expect(wave.size).toBeGreaterThan(0);
          expect(wave.minCount).toBeLessThanOrEqual(wave.size);
        }
      }),
    );
  });

  it("never misses a stated share by a whole device", () => {
    fc.assert(
      fc.property(percents, fc.integer({ min: 2, max: 2_000 }), (shares, n) => {
        const waves = wavesOf({ kind: "canary", canary: { count: 1 }, percents: shares }, fleet(n)).slice(1);
        let [upTo, sum] = [0, 0];
        const reached = new Set(waves.map(({ wave }) => (upTo += wave.size)));
        for (const share of shares) {
          sum += share;
          expect(reached).toContain(Math.ceil(((n - 1) * sum) / 100));
        }
      }),
    );
  });

  it.each([
    ["all", { kind: "all" }, 7, { all: 7 }],
    [
      "a canary, then shares of the others",
      { kind: "canary", canary: { count: 10 }, percents: [5, 20, 75] },
      1_010,
      { canary: 10, "wave-1": 50, "wave-2": 200, "wave-3": 750 },
    ],
    [
      "shares of less than everybody leave one more wave",
      { kind: "canary", canary: { tag: "ring-0" }, percents: [50] },
      30,
      { canary: 10, "wave-1": 10, "wave-2": 10 },
    ],
    ["a canary of all devices", { kind: "canary", canary: { count: 10 }, percents: [10, 90] }, 4, { canary: 4 }],
    [
      "tags, the first that fits",
      {
        kind: "tags",
        groups: [
          { name: "two", tag: "ring-2" },
          { name: "again", tag: "ring-2" },
          { name: "none", tag: "ring" },
        ],
      },
      9,
      { two: 3, rest: 6 },
    ],
    [
      "lists, strangers ignored",
      { kind: "lists", groups: [{ name: "mine", registrationIds: [id(3), id(1), id(99)] }] },
      5,
      { mine: 2, rest: 3 },
    ],
    [
      "exponential",
      { kind: "exponential", base: 10, factor: 2, maximum: 50 },
      175,
      { "wave-1": 10, "wave-2": 20, "wave-3": 40, "wave-4": 50, "wave-5": 50, "wave-6": 5 },
    ],
    [
      "exponential, broken sizes rounded down",
      { kind: "exponential", base: 1, factor: 1.5, maximum: 100 },
      8,
      {
        "wave-1": 1,
        "wave-2": 1,
        "wave-3": 2,
        "wave-4": 3,
        "wave-5": 1,
      },
    ],
  ])("cuts: %s", (_name, policy, n, sizes) => {
    expect(sizesOf(policy, n)).toEqual(sizes);
  });

  it("refuses a policy whose canary is empty, and one of too many waves", () => {
    const nobody = WavePolicy.parse({ kind: "canary", canary: { registrationIds: [id(99)] }, percents: [] });
    expect(partition(nobody, fleet(5))).toMatchObject({ outcome: "refused", reason: "canary-empty" });
    expect(partition(nobody, [])).toEqual({ outcome: "partitioned", waves: [] });
    const singles = WavePolicy.parse({ kind: "exponential", base: 1, factor: 2, maximum: 1 });
    expect(partition(singles, fleet(MAX_WAVES)).outcome).toBe("partitioned");
    expect(partition(singles, fleet(MAX_WAVES + 1))).toMatchObject({ outcome: "refused", reason: "too-many-waves" });
  });

  it("fills every rule in: the group's own first, then the policy's, then the default", () => {
    const policy = {
      kind: "canary",
      canary: { count: 4 },
      percents: [100],
      canaryRules: { successThreshold: 1, settleMs: 60_000 },
      rules: { gate: "approval", settleMs: 5 },
    };
    expect(wavesOf(policy, fleet(40)).map(({ wave }) => wave)).toEqual([
      {
        ...{ number: 0, name: "canary", size: 4, gate: "approval" },
        ...{ successThreshold: 1, errorThreshold: 0.05, minCount: 4, settleMs: 60_000 },
      },
      {
        ...{ number: 1, name: "wave-1", size: 36, gate: "approval" },
        ...{ successThreshold: 0.98, errorThreshold: 0.05, minCount: 10, settleMs: 5 },
      },
    ]);
  });

  it.each([
    ["shares of more than everybody", { kind: "canary", canary: { count: 1 }, percents: [60, 41] }],
    ["a factor that does not grow", { kind: "exponential", base: 1, factor: 1, maximum: 5 }],
    ["a threshold in percent", { kind: "all", rules: { successThreshold: 98 } }],
  ])("is not asked with %s", (_name, policy) => {
    expect(WavePolicy.safeParse(policy).success).toBe(false);
  });

  it("cuts a million devices in one go", () => {
    const devices = Array.from({ length: 1_000_000 }, () => everybody[0]!);
    const waves = wavesOf({ kind: "exponential", base: 100, factor: 2, maximum: 50_000 }, devices);
    expect(waves.reduce((sum, { wave }) => sum + wave.size, 0)).toBe(1_000_000);
  });
});
