import type { LabClock } from "../clock";

/** A clock whose timers can all be called off at once: what a stopped hub planned must not keep the process alive. */
export class ScopedClock implements LabClock {
  private readonly cancels = new Set<() => void>();

  constructor(private readonly clock: LabClock) {}

  now(): number {
    return this.clock.now();
  }

  after(delayMs: number, action: () => void): () => void {
    const cancelTimer = this.clock.after(delayMs, () => {
      this.cancels.delete(cancel);
      action();
    });
    const cancel = () => {
      this.cancels.delete(cancel);
      cancelTimer();
    };
    this.cancels.add(cancel);
    return cancel;
  }

  cancelAll(): void {
    for (const cancel of [...this.cancels]) cancel();
  }
}
