/** One try of a device, or of somebody with a device's key, to register. */
export interface RegistrationAttempt {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly registrationId: string;
  /** Of the presented leaf; undefined when none was presented or it could not be read. */
  readonly sha256Thumbprint: string | undefined;
  /** `accepted`: DPS will write the hub. */
  readonly outcome: "accepted" | "refused";
  /** HTTP status of the answer to the registration; a disabled entry is told as 200. */
  readonly status: number;
  readonly errorCode?: number;
  /** A word or sentence for reports: `disabled`, or the message the device got. */
  readonly reason?: string;
}

const kept = 10_000;

/** The last 10,000 attempts, for whoever has to tell since when an old key is refused. */
export class AttemptLog {
  private readonly ring: RegistrationAttempt[] = [];
  private oldest = 0;
  private readonly listeners = new Set<(attempt: RegistrationAttempt) => void>();

  add(attempt: RegistrationAttempt): void {
    if (this.ring.length < kept) {
      this.ring.push(attempt);
    } else {
      this.ring[this.oldest] = attempt;
      this.oldest = (this.oldest + 1) % kept;
    }
    for (const listener of this.listeners) listener(attempt);
  }

  /** Oldest first. */
  list(): RegistrationAttempt[] {
    return [...this.ring.slice(this.oldest), ...this.ring.slice(0, this.oldest)];
  }

  /** Calls `listener` at each attempt, before the device has its answer; the result stops that. */
  onAttempt(listener: (attempt: RegistrationAttempt) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
