import type { EventSource, HubEvent } from "../../lab/functions-host/triggers/event-source";
import type { EventCounts } from "../../shared/domain/source-counts";
import { NO_EVENTS } from "../../shared/domain/source-counts";

/** What one event is to become, known to whoever sends it. */
export type Fate = Exclude<keyof EventCounts, "received">;

type Handle = Parameters<EventSource["read"]>[3];

/**
 * An event hub in memory, for a host on virtual time: events wait until they are delivered, per partition in order. It keeps
 * its own account of what each is to become.
 */
export class DayStream {
  readonly partitions = ["0", "1", "2", "3"];
  private readonly readers = new Map<string, Handle>();
  private readonly waiting = new Map<string, HubEvent[]>();
  private readonly sent = new Map<string, EventCounts>();
  private next = 0;

  constructor(
    readonly name: string,
    private readonly now: () => number,
  ) {}

  /** Puts an event at the end of the partition; it may come again later, as the one it is. */
  send(
    partition: string,
    fate: Fate,
    event: Pick<HubEvent, "body" | "properties" | "systemProperties">,
    records = 1,
  ): HubEvent {
    this.next += 1;
    const whole: HubEvent = {
      ...event,
      sequenceNumber: this.next,
      offset: String(this.next * 64),
      enqueuedTimeUtc: new Date(this.now()),
      partitionKey: null,
    };
    this.again(partition, fate, whole, records);
    return whole;
  }

  /** Delivers an event that was sent before. */
  again(partition: string, fate: Fate, event: HubEvent, records = 1): void {
    this.waiting.set(partition, [...(this.waiting.get(partition) ?? []), event]);
    this.expect(partition, fate, records);
  }

  /** Counts records of an event beyond what it was sent as. */
  expect(partition: string, fate: Fate, records: number): void {
    const source = `${this.name}/${partition}`;
    const counts = this.sent.get(source) ?? NO_EVENTS;
    const more = { received: counts.received + records, [fate]: counts[fate] + records };
    this.sent.set(source, { ...counts, ...more });
  }

  /** Resolves when the function has dealt with everything that waits. */
  async deliver(): Promise<void> {
    for (const [partition, events] of [...this.waiting]) {
      this.waiting.delete(partition);
      const handle = this.readers.get(partition);
      await handle?.(events);
      // No more came for the time that host.json waits for a larger batch.
      await handle?.([]);
    }
  }

  /** By source, what every event sent so far is to become. */
  account(): ReadonlyMap<string, EventCounts> {
    return this.sent;
  }

  /** As a trigger of this consumer group reads it. */
  source(consumerGroup: string): EventSource {
    return {
      name: this.name,
      consumerGroup,
      partitions: () => Promise.resolve(this.partitions),
      read: (partition, _after, _limits, handle) => {
        this.readers.set(partition, handle);
        return { close: () => Promise.resolve(void this.readers.delete(partition)) };
      },
      close: () => Promise.resolve(),
    };
  }
}
