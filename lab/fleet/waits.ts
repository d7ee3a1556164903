import type { LabClock } from "../clock";

/**
 * The pauses of one loop, which can be cut short: when a device is stopped, switched off, or has something to send. An
 * interruption that finds the loop busy is kept for its next pause, so that none is lost.
 */
export class Waits {
  private wake: (() => void) | undefined;
  private kept = false;

  constructor(private readonly clock: LabClock) {}

  /** Resolves after `ms`, or at an interruption. Only one pause at a time. */
  async pause(ms: number): Promise<void> {
    if (this.takeKept()) return;
    await new Promise<void>((resolve) => {
      const cancel = this.clock.after(ms, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
    this.wake = undefined;
  }

  async untilInterrupted(): Promise<void> {
    if (this.takeKept()) return;
    await new Promise<void>((resolve) => (this.wake = resolve));
    this.wake = undefined;
  }

  interrupt(): void {
    if (this.wake === undefined) this.kept = true;
    else this.wake();
  }

  private takeKept(): boolean {
    const kept = this.kept;
    this.kept = false;
    return kept;
  }
}
