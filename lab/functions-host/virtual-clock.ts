import type { LabClock } from "../clock";

interface Waiting {
  readonly due: number;
  readonly order: number;
  readonly action: () => void;
}

/**
 * Time for tests that must not wait: stands still while anything runs and jumps to the next due time when nothing
 * does. `pause` holds it, for tests that act in between.
 */
export class VirtualClock implements LabClock {
  private readonly waiting = new Set<Waiting>();
  private order = 0;
  private considering = false;
  private paused = false;
  private steps = 0;
  /** Whether nothing runs; set it to what the clock is for. */
  idle: () => boolean = () => false;

  /** `time`: where it begins, in milliseconds since the epoch. */
  constructor(private time: number) {}

  now(): number {
    return this.time;
  }

  after(delayMs: number, action: () => void): () => void {
    const entry: Waiting = { due: this.time + Math.max(0, delayMs), order: this.order++, action };
    this.waiting.add(entry);
    this.consider();
    return () => void this.waiting.delete(entry);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.consider();
  }

  /** One jump while paused, as soon as nothing runs. */
  step(): void {
    this.steps += 1;
    this.consider();
  }

  /** To be called when something has ended: perhaps nothing runs now. */
  consider(): void {
    if (this.considering || !this.mayJump) return;
    this.considering = true;
    setImmediate(() => {
      this.considering = false;
      if (!this.mayJump || !this.idle()) return;
      if (this.paused) this.steps -= 1;
      this.jump();
    });
  }

  private get mayJump(): boolean {
    return !this.paused || this.steps > 0;
  }

  private jump(): void {
    let next: Waiting | undefined;
    for (const entry of this.waiting) {
      if (next === undefined || entry.due < next.due || (entry.due === next.due && entry.order < next.order))
        next = entry;
    }
    if (next === undefined) return;
    this.waiting.delete(next);
    this.time = Math.max(this.time, next.due);
    next.action();
    this.consider();
  }
}
