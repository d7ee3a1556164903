/** What a thief learned about one door (DPS, the hub, a live session) with one key. Times: milliseconds since the epoch. */
export interface DoorRecord {
  readonly tries: number;
  readonly accepted: number;
  /** When the last accepted try was BEGUN: the door was open at that time or later. */
  readonly lastAcceptedAt?: number;
  /** When the first of the refusals after that was heard; none while the door is open. */
  readonly refusedSince?: number;
  readonly lastRefusal?: string;
}

/** Keeps a `DoorRecord`. */
export class Door {
  private record: DoorRecord = { tries: 0, accepted: 0 };

  accepted(begunAt: number): void {
    const { tries, accepted } = this.record;
    this.record = { tries: tries + 1, accepted: accepted + 1, lastAcceptedAt: begunAt };
  }

  refused(at: number, why: string): void {
    const { tries, refusedSince } = this.record;
    this.record = { ...this.record, tries: tries + 1, refusedSince: refusedSince ?? at, lastRefusal: why };
  }

  get(): DoorRecord {
    return this.record;
  }
}
