import type { LabClock } from "../clock";
import { encodeEvent, type Encodable, type EventPlace, type StoredEvent } from "./event";
import type { StartPosition } from "./position";

/** How much a partition keeps; what is older or more is gone, as after Azure's retention. */
export interface Retention {
  /** Default: 100,000. */
  readonly eventsPerPartition: number;
  /** Milliseconds; default: one day. */
  readonly ageMs: number;
}

export const defaultRetention: Retention = { eventsPerPartition: 100_000, ageMs: 86_400_000 };

/** An append-only log that readers follow, in memory. */
export class Partition {
  private events: StoredEvent[] = [];
  private nextSequenceNumber = 0;
  private nextOffset = 0;
  private readonly followers = new Set<() => void>();

  constructor(
    readonly id: string,
    private readonly clock: LabClock,
    private readonly retention: Retention,
  ) {}

  append(event: Encodable): EventPlace {
    const place = { sequenceNumber: this.nextSequenceNumber, offset: this.nextOffset, enqueuedAt: this.clock.now() };
    const encoded = encodeEvent(event, place);
    this.events.push({ ...place, encoded });
    this.nextSequenceNumber += 1;
    this.nextOffset += encoded.length;
    this.forgetOld();
    for (const follower of this.followers) follower();
    return place;
  }

  /** Calls `follower` after every append until the result is called. */
  follow(follower: () => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  /** The event with this sequence number, or the oldest one kept if it is gone, or none if it is still to come. */
  at(sequenceNumber: number): StoredEvent | undefined {
    const first = this.events[0];
    if (!first) return undefined;
    return this.events[Math.max(0, sequenceNumber - first.sequenceNumber)];
  }

  /** The sequence number from which a reader that starts at this position reads. */
  start(position: StartPosition): number {
    switch (position.kind) {
      case "latest":
        return this.nextSequenceNumber;
      case "sequence-number":
        return position.inclusive ? position.value : position.value + 1;
      case "offset":
        return this.firstWhere((event) =>
          position.inclusive ? event.offset >= position.value : event.offset > position.value,
        );
      case "enqueued-time":
        return this.firstWhere((event) => event.enqueuedAt > position.value);
    }
  }

  all(): readonly StoredEvent[] {
    return this.events;
  }

  /** What `$management` tells about the partition; -1 stands for "nothing yet", as in Azure. */
  properties() {
    const last = this.events.at(-1);
    return {
      beginSequenceNumber: this.events[0]?.sequenceNumber ?? this.nextSequenceNumber,
      lastSequenceNumber: this.nextSequenceNumber - 1,
      lastOffset: last ? String(last.offset) : "-1",
      lastEnqueuedAt: last?.enqueuedAt ?? 0,
      empty: last === undefined,
    };
  }

  /** For a snapshot: the whole log and where it goes on. */
  dump(): { nextSequenceNumber: number; nextOffset: number; events: readonly StoredEvent[] } {
    return { nextSequenceNumber: this.nextSequenceNumber, nextOffset: this.nextOffset, events: this.events };
  }

  restore(dump: { nextSequenceNumber: number; nextOffset: number; events: readonly StoredEvent[] }): void {
    this.nextSequenceNumber = dump.nextSequenceNumber;
    this.nextOffset = dump.nextOffset;
    this.events = [...dump.events];
  }

  private firstWhere(wanted: (event: StoredEvent) => boolean): number {
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const event = this.events[middle];
      if (event && wanted(event)) high = middle;
      else low = middle + 1;
    }
    return this.events[low]?.sequenceNumber ?? this.nextSequenceNumber;
  }

  private forgetOld(): void {
    const oldest = this.clock.now() - this.retention.ageMs;
    let gone = Math.max(0, this.events.length - this.retention.eventsPerPartition);
    while (gone < this.events.length && (this.events[gone]?.enqueuedAt ?? oldest) < oldest) gone += 1;
    // cutting the front of an array costs its length, so it is done in steps
    if (gone > this.retention.eventsPerPartition / 10 || gone === this.events.length) this.events.splice(0, gone);
  }
}
