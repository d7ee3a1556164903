import type { LabClock } from "../clock";
import type { EventHubsSwitches } from "./switches";

/** How long an event that was to be overtaken waits for one that overtakes it. */
const overtakingMs = 100;

/** Decides when, and how often, an accepted event enters the log. */
export class Disturbance {
  private count = 0;
  private held: (() => void) | undefined;

  constructor(
    private readonly switches: EventHubsSwitches,
    private readonly clock: LabClock,
  ) {}

  /** Runs `write` at once, twice, later or after the next one, as the switches say. */
  pass(write: () => void): void {
    const { duplicateEvery, reorderEvery, lateByMs } = this.switches;
    this.count += 1;
    const twice = duplicateEvery > 0 && this.count % duplicateEvery === 0;
    const place = () => {
      write();
      if (twice) write();
    };
    if (lateByMs > 0) {
      this.clock.after(lateByMs, place);
      return;
    }
    if (reorderEvery > 0 && this.count % reorderEvery === 0 && this.held === undefined) {
      this.held = place;
      this.clock.after(overtakingMs, () => this.release(place));
      return;
    }
    place();
    if (this.held) this.release(this.held);
  }

  private release(place: () => void): void {
    if (this.held !== place) return;
    this.held = undefined;
    place();
  }
}
