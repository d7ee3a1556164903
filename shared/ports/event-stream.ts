import type { Instant } from "../domain/instant";

/** One message of the hub's event stream. Its system properties are IoT Hub's word; everything else is the device's. */
export interface StreamEvent {
  readonly body: Uint8Array;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly systemProperties: Readonly<Record<string, unknown>>;
  readonly partition: string;
  readonly sequenceNumber: number;
  readonly offset: string;
  readonly enqueuedAt: Instant | undefined;
}

/**
 * The hubs' event stream for whoever reads it at his own pace, beside the trigger. Throws `RollError` (`service-unavailable`,
 * `service-denied-us`).
 */
export interface EventStream {
  /** The event hub's name, as the trigger knows it. */
  readonly name: string;
  /** At most 32. */
  partitions(): Promise<readonly string[]>;
  read(page: StreamPage): Promise<{
    readonly events: readonly StreamEvent[];
    /** There is none more up to `until`. */
    readonly end: boolean;
  }>;
}

/** Which events of a partition: at most `limit` of those enqueued from `since` up to and with `until`, oldest first. */
export interface StreamPage {
  readonly partition: string;
  readonly since: Instant;
  readonly until: Instant;
  /** Sequence number of the last one that was read; absent: from `since` on. */
  readonly after?: number | undefined;
  readonly limit: number;
}
