import type { EventSource, HubEvent, Subscription } from "../../../lab/functions-host/triggers/event-source";

const silent: Subscription = { close: () => Promise.resolve() };

/** An event hub without partitions, for apps whose events a test does not need. */
export function noEvents(_connection: string, name: string, consumerGroup: string): EventSource {
  return {
    name,
    consumerGroup,
    partitions: () => Promise.resolve([]),
    read: () => silent,
    close: () => Promise.resolve(),
  };
}

/** One event with sequence number `sequenceNumber` and everything else made of it. */
export function hubEvent(sequenceNumber: number, body: string, more: Partial<HubEvent> = {}): HubEvent {
  return {
    body: Buffer.from(body),
    sequenceNumber,
    offset: String(100 * sequenceNumber),
    enqueuedTimeUtc: new Date(Date.parse("2026-01-01T00:00:00Z") + sequenceNumber),
    partitionKey: null,
    properties: {},
    systemProperties: {},
    ...more,
  };
}

/** A hub with one partition that hands its events out in batches of the sizes of `batches`, after the checkpoint. */
export function hubOf(batches: readonly (readonly HubEvent[])[]) {
  return (_connection: string, name: string, consumerGroup: string): EventSource => ({
    name,
    consumerGroup,
    partitions: () => Promise.resolve(["0"]),
    read: (_partition, after, _limits, handle) => {
      void (async () => {
        for (const batch of batches) {
          const left = batch.filter(({ sequenceNumber }) => sequenceNumber > (after ?? -1));
          if (left.length > 0) await handle(left);
        }
      })();
      return silent;
    },
    close: () => Promise.resolve(),
  });
}
