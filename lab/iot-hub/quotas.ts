import type { LabClock } from "../clock";
import type { QuotaListener } from "../quotas/quota-use";
import { TokenBucket } from "../quotas/token-bucket";
import { throttled } from "./errors";

export type HubTier = "F1" | "S1" | "S2" | "S3";

/** Operations that have a throttle of their own. */
export type ThrottleName =
  | "registry"
  | "connections"
  | "deviceToCloud"
  | "queries"
  | "methodKilobytes"
  | "twinReads"
  | "twinUpdates"
  | "jobOperations"
  | "jobDeviceOperations"
  | "cloudToDevice";

export interface HubQuotaOptions {
  /** Default: false, so that a lab is as fast as the machine. */
  enabled: boolean;
  tier: HubTier;
  units: number;
  /** How many times faster than real time the throttles refill: 60 makes a minute a second. Default: 1. */
  timeScale: number;
}

interface Throttle {
  readonly capacity: number;
  readonly periodMs: number;
  readonly operationType: string;
}

const second = 1_000;
const minute = 60_000;

/** Microsoft docs, iot-hub-devguide-quotas-throttling: what one tier and a number of units allow. */
export function throttlesOf(tier: HubTier, units: number): Record<ThrottleName, Throttle> {
  const big = tier === "S3";
  const perMinute = (small: number, large: number, operationType: string): Throttle => ({
    capacity: (big ? large : small) * units,
    periodMs: minute,
    operationType,
  });
  const perSecond = (capacity: number, operationType: string): Throttle => ({
    capacity,
    periodMs: second,
    operationType,
  });
  const sends = big ? 6_000 * units : tier === "S2" ? 120 * units : Math.max(100, 12 * units);
  const kilobytes = big ? 24_000 : tier === "S2" ? 480 : 160;
  const grown = (base: number, perUnit: number, large: number) =>
    big ? large * units : tier === "S2" ? Math.max(base, perUnit * units) : base;
  return {
    registry: perMinute(100, 5_000, "CRUD"),
    connections: perSecond(sends, "DeviceConnect"),
    deviceToCloud: perSecond(sends, "D2C"),
    queries: perMinute(20, 1_000, "Query"),
    methodKilobytes: perSecond(kilobytes * units, "DirectMethod"),
    twinReads: perSecond(grown(100, 10, 500), "TwinRead"),
    twinUpdates: perSecond(grown(50, 5, 250), "TwinUpdate"),
    jobOperations: perMinute(100, 5_000, "JobOperation"),
    jobDeviceOperations: perSecond(grown(10, 1, 50), "JobDeviceOperation"),
    cloudToDevice: perMinute(100, 5_000, "C2D"),
  };
}

/** Jobs that may run at one time (same source). */
export function concurrentJobs(tier: HubTier): number {
  if (tier === "S3") return 10;
  return tier === "S2" ? 5 : 1;
}

/** The throttles of one hub. Its options may be changed while the hub runs; a new tier starts with full buckets. */
export class HubQuotas {
  readonly options: HubQuotaOptions;
  /** Hears of each use. */
  onUse: QuotaListener = () => undefined;
  private built = "";
  private buckets = new Map<ThrottleName, { bucket: TokenBucket; throttle: Throttle }>();

  constructor(
    private readonly clock: LabClock,
    options: Partial<HubQuotaOptions> = {},
  ) {
    this.options = { enabled: false, tier: "S1", units: 1, timeScale: 1, ...options };
  }

  /** Whether `cost` is there; takes it if so. */
  allows(name: ThrottleName, cost = 1): boolean {
    return this.waitFor(name, cost) === 0;
  }

  /** 0 when `cost` was taken, else the milliseconds until it would be there. */
  waitFor(name: ThrottleName, cost = 1): number {
    if (this.options.enabled) this.rebuild();
    const waitMs = this.options.enabled ? (this.buckets.get(name)?.bucket.take(cost) ?? 0) : 0;
    this.onUse({ name, cost, granted: waitMs === 0 });
    return waitMs;
  }

  /** Takes `cost` or throws the hub's 429. */
  take(name: ThrottleName, cost: number, retryAfter: boolean, form?: "nested"): void {
    if (this.allows(name, cost)) return;
    const operationType = this.buckets.get(name)?.throttle.operationType ?? "CRUD";
    throw throttled(operationType, { ...(retryAfter ? { retryAfterSeconds: 10 } : {}), ...(form ? { form } : {}) });
  }

  private rebuild(): void {
    const { tier, units } = this.options;
    const wanted = `${tier}x${units}`;
    if (this.built === wanted) return;
    this.built = wanted;
    const timeScale = () => this.options.timeScale;
    this.buckets = new Map();
    for (const name of throttleNames) {
      const throttle = throttlesOf(tier, units)[name];
      this.buckets.set(name, { throttle, bucket: new TokenBucket({ ...throttle, clock: this.clock, timeScale }) });
    }
  }
}

const throttleNames: readonly ThrottleName[] = [
  "registry",
  "connections",
  "deviceToCloud",
  "queries",
  "methodKilobytes",
  "twinReads",
  "twinUpdates",
  "jobOperations",
  "jobDeviceOperations",
  "cloudToDevice",
];
