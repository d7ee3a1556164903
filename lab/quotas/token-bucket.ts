import type { LabClock } from "../clock";

/** How much a bucket holds and how it refills. */
export interface TokenBucketOptions {
  /** Tokens the bucket holds when full, and how many it regains in `periodMs`. */
  readonly capacity: number;
  readonly periodMs: number;
  readonly clock: LabClock;
  /** How many times faster than real time the bucket refills, read at each take; default 1. */
  readonly timeScale?: () => number;
}

/**
 * A service's throttle: short bursts up to the capacity pass, then requests pass as fast as tokens come back. Starts
 * full.
 */
export class TokenBucket {
  private tokens: number;
  private refilledAt: number;

  constructor(private readonly options: TokenBucketOptions) {
    this.tokens = options.capacity;
    this.refilledAt = options.clock.now();
  }

  /**
   * Takes `cost` tokens: 0 when they were there, else the milliseconds until they will be, and nothing is taken. A cost
   * above the capacity passes when the bucket is full, and leaves it in debt.
   */
  take(cost = 1): number {
    const { capacity, periodMs, clock } = this.options;
    const scale = this.options.timeScale?.() ?? 1;
    const now = clock.now();
    const regained = (Math.max(0, now - this.refilledAt) * scale * capacity) / periodMs;
    this.tokens = Math.min(capacity, this.tokens + regained);
    this.refilledAt = now;
    const missing = Math.min(cost, capacity) - this.tokens;
    if (missing <= 0) {
      this.tokens -= cost;
      return 0;
    }
    return Math.ceil((missing * periodMs) / (capacity * scale));
  }

  /** True when nothing is owed: a bucket nobody used for a while need not be kept. */
  isFull(): boolean {
    const { capacity, periodMs, clock } = this.options;
    const regained = ((clock.now() - this.refilledAt) * (this.options.timeScale?.() ?? 1) * capacity) / periodMs;
    return this.tokens + regained >= capacity;
  }
}
