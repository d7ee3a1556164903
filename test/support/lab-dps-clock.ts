import type { LabClock } from "../../lab/clock";

/** Time that stands still until a test moves it. */
export class ManualClock implements LabClock {
  private readonly due = new Set<{ readonly at: number; readonly action: () => void }>();

  constructor(private time = Date.parse("2026-01-01T00:00:00Z")) {}

  now(): number {
    return this.time;
  }

  after(delayMs: number, action: () => void): () => void {
    const entry = { at: this.time + delayMs, action };
    this.due.add(entry);
    return () => this.due.delete(entry);
  }

  /** Moves on and runs what falls due, in order. */
  advance(byMs: number): void {
    const until = this.time + byMs;
    for (;;) {
      const next = [...this.due].filter(({ at }) => at <= until).sort((left, right) => left.at - right.at)[0];
      if (!next) break;
      this.due.delete(next);
      this.time = Math.max(this.time, next.at);
      next.action();
    }
    this.time = until;
  }
}
