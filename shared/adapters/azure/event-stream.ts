import type { EventHubConsumerClient, EventPosition, ReceivedEventData } from "@azure/event-hubs" with {
  "resolution-mode": "import",
};
import type { StreamAccess } from "../../config/stream-variables";
import { instant } from "../../domain/instant";
import { RollError } from "../../domain/roll-error";
import type { EventStream, StreamEvent, StreamPage } from "../../ports/event-stream";
import { appIdentity } from "./credentials";

/** How long an empty partition is listened to before it counts as read. */
const QUIET_SECONDS = 5;

/**
 * The hubs' event stream by `@azure/event-hubs`. It claims no ownership, so that it takes nothing from other readers of its
 * consumer group, and writes no checkpoints. The library loads at the first call.
 *
 * Calls per page: one for the partition's end, one link. The credit of a link may bring more events than the page takes;
 * those come again with the next.
 */
export class EventHubStream implements EventStream {
  readonly name: string;
  private client: Promise<EventHubConsumerClient> | undefined;

  constructor(
    private readonly access: StreamAccess,
    private readonly timeoutMs: number,
  ) {
    this.name = access.eventHub;
  }

  partitions(): Promise<readonly string[]> {
    return this.calling((client) => client.getPartitionIds());
  }

  read(page: StreamPage): ReturnType<EventStream["read"]> {
    return this.calling(async (client) => {
      const {
        isEmpty,
        lastEnqueuedSequenceNumber: last,
        lastEnqueuedOnUtc,
      } = await client.getPartitionProperties(page.partition);
      const isRead = page.after === undefined ? lastEnqueuedOnUtc.getTime() < page.since : page.after >= last;
      if (isEmpty || isRead) return { events: [], end: true };
      return collect(client, page, last);
    });
  }

  /** Ends the connection; what is read afterwards opens another. */
  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await (await client)?.close();
  }

  private async calling<T>(work: (client: EventHubConsumerClient) => Promise<T>): Promise<T> {
    try {
      this.client ??= this.connect();
      return await work(await this.client);
    } catch (error) {
      throw toRollError(error);
    }
  }

  private async connect(): Promise<EventHubConsumerClient> {
    const { EventHubConsumerClient, parseEventHubConnectionString } = await import("@azure/event-hubs");
    const { address, eventHub, consumerGroup } = this.access;
    const options = { retryOptions: { maxRetries: 1, retryDelayInMs: 500, timeoutInMs: this.timeoutMs } };
    if (address.kind === "identity")
      return new EventHubConsumerClient(consumerGroup, address.namespace, eventHub, appIdentity(), options);
    const { connectionString } = address;
    // The SDK refuses a name beside one that the connection string has already.
    const named = parseEventHubConnectionString(connectionString).eventHubName !== undefined;
    return named
      ? new EventHubConsumerClient(consumerGroup, connectionString, options)
      : new EventHubConsumerClient(consumerGroup, connectionString, eventHub, options);
  }
}

/** Listens until the page is full, an event lies after `until`, the partition's last is there, or nothing comes any more. */
function collect(
  client: EventHubConsumerClient,
  { partition, since, until, after, limit }: StreamPage,
  last: number,
): ReturnType<EventStream["read"]> {
  const startPosition: EventPosition =
    after === undefined ? { enqueuedOn: since - 1, isInclusive: false } : { sequenceNumber: after, isInclusive: false };
  return new Promise((done, failed) => {
    const events: StreamEvent[] = [];
    let settled = false;
    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      subscription.close().then(finish, failed);
    };
    const subscription = client.subscribe(
      partition,
      {
        processEvents: (batch) => {
          for (const event of batch) {
            if (settled) break;
            if (event.enqueuedTimeUtc.getTime() > until) settle(() => done({ events, end: true }));
            else if (event.enqueuedTimeUtc.getTime() >= since) events.push(toStreamEvent(event, partition));
            if (event.sequenceNumber >= last) settle(() => done({ events, end: true }));
            else if (events.length >= limit) settle(() => done({ events, end: false }));
          }
          // Retention may have taken what the partition's end was known by.
          if (batch.length === 0) settle(() => done({ events, end: true }));
          return Promise.resolve();
        },
        processError: (error) => {
          settle(() => failed(error));
          return Promise.resolve();
        },
      },
      {
        startPosition,
        maxBatchSize: Math.min(limit, 1_000),
        maxWaitTimeInSeconds: QUIET_SECONDS,
        skipParsingBodyAsJson: true,
      },
    );
  });
}

function toStreamEvent(event: ReceivedEventData, partition: string): StreamEvent {
  return {
    body: toBytes(event.body),
    properties: event.properties ?? {},
    systemProperties: event.systemProperties ?? {},
    partition,
    sequenceNumber: event.sequenceNumber,
    offset: event.offset,
    enqueuedAt: instant(event.enqueuedTimeUtc.getTime()),
  };
}

/** Bytes as they came; what is no data section in AMQP becomes its JSON, as the trigger has it. */
function toBytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body ?? null));
}

/** Names of the AMQP errors that no waiting mends. */
const DENIED: ReadonlySet<string> = new Set(["UnauthorizedError", "MessagingEntityNotFoundError"]);

function toRollError(error: unknown): RollError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "no answer";
  // Its text may quote the address with the key's name.
  const message = `the event stream did not answer (${code})`;
  return DENIED.has(code)
    ? new RollError("service-denied-us", message, false)
    : new RollError("service-unavailable", message, true);
}
