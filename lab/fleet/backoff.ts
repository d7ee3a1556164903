/** Capped exponential backoff with full jitter: a fleet that is cut at one moment does not come back at one moment. */
export class Backoff {
  private failures = 0;

  constructor(
    private readonly baseMs: number,
    private readonly capMs: number,
    private readonly random: () => number,
  ) {}

  /**
   * Milliseconds to wait now: random in (0, min(cap, base × 2^failures)], counted as one more failure. Never less than
   * what the service asked for.
   */
  next(askedMs = 0): number {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** this.failures);
    if (ceiling < this.capMs) this.failures += 1;
    return Math.max(askedMs, Math.ceil((1 - this.random()) * ceiling));
  }

  /** Called when something went well: the next failure waits at most `baseMs` again. */
  reset(): void {
    this.failures = 0;
  }
}
