/** One attempt of a device to connect, or the end that the hub made of a session. */
export interface ConnectionAttempt {
  /** Milliseconds since the epoch, by the lab's clock. */
  readonly at: number;
  readonly deviceId: string;
  readonly moduleId?: string;
  /** Of the certificate presented; absent when there was none. */
  readonly sha256Thumbprint?: string;
  readonly sha1Thumbprint?: string;
  readonly outcome: "accepted" | "refused" | "dropped";
  /** `accepted`, or why not, in the words of the hub's resource log. */
  readonly reason: string;
}

/** The last attempts, oldest first: what a referee judges an attacker by. */
export class ConnectionLog {
  private readonly ring: ConnectionAttempt[] = [];
  private readonly listeners = new Set<(attempt: ConnectionAttempt) => void>();

  constructor(private readonly capacity = 10_000) {}

  add(attempt: ConnectionAttempt): void {
    this.ring.push(attempt);
    if (this.ring.length > this.capacity * 1.1) this.ring.splice(0, this.ring.length - this.capacity);
    for (const listener of this.listeners) listener(attempt);
  }

  entries(): readonly ConnectionAttempt[] {
    return this.ring;
  }

  /** Calls `listener` at every attempt until the result is called. */
  onAttempt(listener: (attempt: ConnectionAttempt) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
