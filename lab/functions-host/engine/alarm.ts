import type { LabClock } from "../../clock";

/** Longest wait of one timer of Node; later dues are waited for in pieces. */
const longestMs = 2_147_000_000;

/** One timer for many due times: rings at the earliest, then asks for the next. */
export class Alarm {
  private due = Number.POSITIVE_INFINITY;
  private cancel: (() => void) | undefined;

  /** `ring` does what is due and returns the next due time, if there is one. */
  constructor(
    private readonly clock: LabClock,
    private readonly ring: () => number | undefined,
  ) {}

  /** Makes sure that it rings at `due` (milliseconds since the epoch), or earlier. */
  set(due: number): void {
    if (due >= this.due) return;
    this.stop();
    this.due = due;
    this.cancel = this.clock.after(Math.min(longestMs, Math.max(0, due - this.clock.now())), () => {
      this.due = Number.POSITIVE_INFINITY;
      // Timers of Node may run a moment early; a durable timer never does.
      const next = this.clock.now() < due ? due : this.ring();
      if (next !== undefined) this.set(next);
    });
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.due = Number.POSITIVE_INFINITY;
  }
}
