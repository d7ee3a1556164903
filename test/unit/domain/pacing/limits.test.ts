import fc from "fast-check";
import { binding, expectedDurationMs, type Fleet } from "../../../../shared/domain/pacing/limits";
import type { HubResource } from "../../../../shared/domain/pacing/quotas";
import {
  DEFAULT_DPS_QUOTA,
  hubLimit,
  HubSku,
  messagesPerDay,
  type DpsQuota,
} from "../../../../shared/domain/pacing/quotas";
import { ratesOf } from "../../../../shared/domain/pacing/rates";
import { takenBy, USAGE, type Usage, type Variant } from "../../../../shared/domain/pacing/usage";
import { hubName, otherHubName } from "../../../support/builders";

const size = (text: string): HubSku => {
  const [tier, units] = text.split("x");
  return HubSku.parse({ tier, units: Number(units) });
};
const raised: DpsQuota = { operationsPerMinute: 100_000, registrationsPerMinute: 100_000 };
const fleet = (devices: number, sku: string, changes: Partial<Fleet> = {}): Fleet => ({
  dps: DEFAULT_DPS_QUOTA,
  hubs: [{ host: hubName, sku: size(sku), devices }],
  dispatch: "method",
  ...changes,
});

describe("binding", () => {
  // Worked out apart from this code: devices × use per device, less a minute's burst, over the rate of the slowest.
  it.each<[Variant, number, string, Partial<Fleet>, string, number]>([
    ["individual-breach/sentinel", 10_000, "S1x1", {}, "registry", 11_940],
    ["individual-breach/import-job", 100_000, "S1x8", {}, "operations", 11_940],
    ["individual-breach/delete", 10_000, "S2x3", {}, "registry", 1_940],
    ["individual-expiry/stage", 1_000_000, "S1x1", {}, "messages", 604_800],
    ["individual-expiry/stage", 1_000_000, "S3x1", {}, "operations", 59_940],
    ["individual-expiry/csr", 100_000, "S1x1", { signaturesPerSecond: 10 }, "messages", 86_400],
    ["individual-expiry/csr", 100_000, "S2x1", { signaturesPerSecond: 10 }, "signatures", 9_940],
    ["individual-expiry/retire", 100_000, "S3x1", { enrollmentsPerOperation: 10 }, "operations", 540],
    [
      "group-breach/sentinel",
      100_000,
      "S3x1",
      { dps: { operationsPerMinute: 10_000, registrationsPerMinute: 10_000 } },
      "registry",
      2_340,
    ],
    ["group-expiry", 100_000, "S1x1", { dispatch: "job" }, "jobDevices", 9_940],
    ["group-expiry", 1_000_000, "S2x200", { dispatch: "job", dps: raised }, "jobDevices", 4_940],
    ["individual-expiry/stage", 100_000, "S3x1", { sharedDpsLimit: true }, "operations", 11_940],
    ["individual-breach/reprovision", 1_000_000, "S1x200", { dps: raised }, "twinReads", 9_940],
  ])("%s of %d devices at %s (%o): %s, %d s", (variant, devices, sku, changes, resource, seconds) => {
    const found = binding(USAGE[variant], fleet(devices, sku, changes));
    expect(found.resource).toBe(resource);
    expect(found.seconds).toBeCloseTo(seconds, 3);
    expect(found.host).toBe(["operations", "signatures"].includes(resource) ? undefined : hubName);
  });

  it("names the hub that is too small for its devices", () => {
    const hubs = [
      { host: hubName, sku: size("S3x1"), devices: 9_000 },
      { host: otherHubName, sku: size("S1x1"), devices: 1_000 },
    ];
    expect(binding(USAGE["group-breach/sentinel"], fleet(0, "S1x1", { hubs }))).toEqual({
      resource: "registry",
      host: otherHubName,
      seconds: 1_140,
    });
  });

  it("is over at once where a minute's burst suffices", () => {
    expect(binding(USAGE["group-expiry"], fleet(500, "S1x1")).seconds).toBe(0);
    expect(binding(USAGE["group-expiry"], fleet(0, "S1x1")).seconds).toBe(0);
  });

  it("never ends where the hub cannot do it", () => {
    const found = binding(USAGE["group-expiry"], fleet(10, "B3x1"));
    expect(found).toMatchObject({ seconds: Infinity, host: hubName });
    expect(["methods", "twinReads"]).toContain(found.resource);
  });

  it("cannot be beaten: no plan is expected to end sooner, and each more device takes no less", () => {
    const variants = fc.constantFrom(...(Object.keys(USAGE) as Variant[]));
    const skus = fc.constantFrom("F1x1", "S1x1", "S1x20", "S2x1", "S3x10");
    const pace = { headroom: 0.9, latencyMs: 30_000 };
    fc.assert(
      fc.property(variants, skus, fc.nat({ max: 2_000_000 }), (variant, sku, devices) => {
        const least = binding(USAGE[variant], fleet(devices, sku)).seconds;
        expect(expectedDurationMs(USAGE[variant], fleet(devices, sku), pace)).toBeGreaterThanOrEqual(least * 1_000);
        expect(binding(USAGE[variant], fleet(devices + 100, sku)).seconds).toBeGreaterThanOrEqual(least);
      }),
    );
  });
});

describe("what the app takes", () => {
  it.each(Object.keys(USAGE) as Variant[])("is never less than the least: %s", (variant) => {
    const taken = takenBy(variant);
    for (const resource of Object.keys(USAGE[variant]) as (keyof Usage)[])
      expect(taken[resource]).toBeGreaterThanOrEqual(USAGE[variant][resource]);
  });
});

describe("expectedDurationMs", () => {
  it("is the binding resource at the roll's share of it, and the way back of the last device", () => {
    const duration = expectedDurationMs(USAGE["group-expiry"], fleet(9_000, "S1x1"), {
      headroom: 0.9,
      latencyMs: 30_000,
    });
    expect(duration).toBeCloseTo(600_000 + 30_000, 3);
  });
});

describe("the table of limits", () => {
  it.each<[string, HubResource, number]>([
    ["S1x1", "registry", 100 / 60],
    ["S3x2", "registry", 10_000 / 60],
    ["S1x2", "methods", 80],
    ["S2x1", "methods", 120],
    ["S3x1", "methods", 6_000],
    ["S1x8", "connections", 100],
    ["S1x10", "connections", 120],
    ["F1x1", "twinReads", 100],
    ["S2x20", "twinReads", 200],
    ["S3x2", "twinUpdates", 500],
    ["B1x1", "registry", 100 / 60],
    ["B1x1", "methods", 0],
    ["S3x1", "queries", 1_000 / 60],
  ])("a hub %s has of %s %d per second", (sku, resource, perSecond) => {
    expect(hubLimit(size(sku), resource)).toBeCloseTo(perSecond, 9);
  });

  it("gives messages per day", () => {
    expect(["F1x1", "S1x2", "B2x1", "S3x1"].map((sku) => messagesPerDay(size(sku)))).toEqual([
      8_000, 800_000, 6_000_000, 300_000_000,
    ]);
  });
});

describe("ratesOf", () => {
  it("is the roll's share of every quota, without what a tier does not offer", () => {
    const hubs = new Map([
      [hubName, size("S1x2")],
      [otherHubName, size("B1x1")],
    ]);
    const rates = ratesOf(DEFAULT_DPS_QUOTA, hubs, 0.9);
    expect(rates.get("dps/operations")?.perSecond).toBeCloseTo(15, 9);
    expect(rates.get("dps/registrations")?.perSecond).toBeCloseTo(15, 9);
    expect(rates.get(`${hubName}/registry`)?.perSecond).toBeCloseTo(3, 9);
    expect(rates.get(`${hubName}/methods`)?.perSecond).toBeCloseTo(72, 9);
    expect(rates.has(`${otherHubName}/methods`)).toBe(false);
    expect(rates.get(`${otherHubName}/registry`)?.perSecond).toBeCloseTo(1.5, 9);
  });

  it("bears no burst where the service counts by the second", () => {
    const rates = ratesOf(DEFAULT_DPS_QUOTA, new Map([[hubName, size("S1x2")]]), 0.9);
    expect(rates.get("dps/operations")?.burstMs).toBe(30_000);
    expect(rates.get(`${hubName}/registry`)?.burstMs).toBe(30_000);
    for (const resource of ["methods", "twinReads", "connections"] as const)
      expect(rates.get(`${hubName}/${resource}`)?.burstMs).toBe(0);
  });
});
