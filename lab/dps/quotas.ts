import type { LabClock } from "../clock";
import type { QuotaListener } from "../quotas/quota-use";
import { TokenBucket } from "../quotas/token-bucket";
import { keyOf } from "./entries";
import { dpsErrors } from "./errors";
import type { DpsSwitches } from "./switches";

/** Counts that DPS never exceeds (Microsoft docs, iot-dps-limits). */
export const dpsLimits = {
  enrollments: 1_000_000,
  groups: 100,
  registrations: 1_000_000,
  caCertificates: 25,
  linkedHubs: 50,
  bulkEnrollments: 10,
  messageBytes: 96 * 1024,
} as const;

const minuteMs = 60_000;

interface MinuteBucket {
  readonly capacity: number;
  readonly bucket: TokenBucket;
}

/** The throttles of one DPS instance. While the switch is off everything passes. Every method throws DpsError 429. */
export class DpsQuotas {
  /** Hears of each use. */
  onUse: QuotaListener = () => undefined;
  private operations: MinuteBucket | undefined;
  private registrations: MinuteBucket | undefined;
  private readonly polls = new Map<string, TokenBucket>();
  private readonly timeScale: () => number;

  constructor(
    private readonly clock: LabClock,
    private readonly switches: DpsSwitches,
  ) {
    this.timeScale = () => switches.quotas.timeScale;
  }

  /** Service API calls: 1,000 a minute unless the switch says otherwise. */
  operation(cost: number): void {
    this.operations = this.perMinute(this.operations, this.switches.quotas.operationsPerMinute);
    this.take("operations", this.operations.bucket, cost, this.switches.throttledRetryAfter);
  }

  /** Registrations: 1,000 a minute unless the switch says otherwise, apart from polling. */
  registration(): void {
    this.registrations = this.perMinute(this.registrations, this.switches.quotas.registrationsPerMinute);
    this.take("registrations", this.registrations.bucket, 1, true);
  }

  /** Polls of one device: 5 in 10 seconds. */
  poll(registrationId: string): void {
    const key = keyOf(registrationId);
    const existing = this.polls.get(key);
    const bucket =
      existing ?? new TokenBucket({ capacity: 5, periodMs: 10_000, clock: this.clock, timeScale: this.timeScale });
    if (!existing && this.switches.quotas.enabled) {
      if (this.polls.size >= 10_000) this.forgetIdle();
      this.polls.set(key, bucket);
    }
    this.take("polls", bucket, 1, true);
  }

  /** A limit that was changed begins with a full bucket. */
  private perMinute(present: MinuteBucket | undefined, capacity: number): MinuteBucket {
    if (present?.capacity === capacity) return present;
    const { clock, timeScale } = this;
    return { capacity, bucket: new TokenBucket({ capacity, periodMs: minuteMs, clock, timeScale }) };
  }

  private take(name: string, bucket: TokenBucket, cost: number, tellsWait: boolean): void {
    const waitMs = this.switches.quotas.enabled ? bucket.take(cost) : 0;
    this.onUse({ name, cost, granted: waitMs === 0 });
    if (waitMs > 0) throw dpsErrors.throttled(tellsWait ? Math.ceil(waitMs / 1000) : undefined);
  }

  private forgetIdle(): void {
    for (const [key, bucket] of this.polls) if (bucket.isFull()) this.polls.delete(key);
  }
}
