import type { LabClock } from "../clock";
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

/** The throttles of one DPS instance. While the switch is off everything passes. Every method throws DpsError 429. */
export class DpsQuotas {
  private readonly operations: TokenBucket;
  private readonly registrations: TokenBucket;
  private readonly polls = new Map<string, TokenBucket>();
  private readonly timeScale: () => number;

  constructor(
    private readonly clock: LabClock,
    private readonly switches: DpsSwitches,
  ) {
    this.timeScale = () => switches.quotas.timeScale;
    const perMinute = (capacity: number) =>
      new TokenBucket({ capacity, periodMs: minuteMs, clock, timeScale: this.timeScale });
    this.operations = perMinute(1_000);
    this.registrations = perMinute(1_000);
  }

  /** Service API calls: 1,000 a minute. */
  operation(cost: number): void {
    this.take(this.operations, cost, this.switches.throttledRetryAfter);
  }

  /** Registrations: 1,000 a minute, apart from polling. */
  registration(): void {
    this.take(this.registrations, 1, true);
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
    this.take(bucket, 1, true);
  }

  private take(bucket: TokenBucket, cost: number, tellsWait: boolean): void {
    if (!this.switches.quotas.enabled) return;
    const waitMs = bucket.take(cost);
    if (waitMs > 0) throw dpsErrors.throttled(tellsWait ? Math.ceil(waitMs / 1000) : undefined);
  }

  private forgetIdle(): void {
    for (const [key, bucket] of this.polls) if (bucket.isFull()) this.polls.delete(key);
  }
}
