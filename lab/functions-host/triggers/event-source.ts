import type { EventHubsJson } from "../host-json";

/** One event as it lies in a partition. */
export interface HubEvent {
  readonly body: Buffer;
  readonly sequenceNumber: number;
  readonly offset: string;
  readonly enqueuedTimeUtc: Date;
  readonly partitionKey: string | null;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly systemProperties: Readonly<Record<string, unknown>>;
}

/** Where an Event Hubs trigger reads. */
export interface EventSource {
  readonly name: string;
  readonly consumerGroup: string;
  partitions(): Promise<string[]>;
  /**
   * Reads one partition, in order, from the event after `after` (undefined: the oldest there is). The next batch comes
   * when `handle` has resolved; an empty batch says that none came for the configured time. Survives lost connections.
   */
  read(
    partition: string,
    after: number | undefined,
    limits: EventHubsJson,
    handle: (events: readonly HubEvent[]) => Promise<void>,
    onError: (error: Error) => void,
  ): Subscription;
  close(): Promise<void>;
}

export interface Subscription {
  close(): Promise<void>;
}
