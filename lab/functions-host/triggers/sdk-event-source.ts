import type { ReceivedEventData } from "@azure/event-hubs";
import type { EventSource, HubEvent } from "./event-source";

/**
 * Reads a real Event Hubs endpoint, or one that speaks its protocol, through the official SDK. The SDK is loaded only
 * here and only when an app reads event hubs: it takes longer to load than all the rest of the host.
 */
export async function sdkEventSource(
  connectionString: string,
  hubName: string,
  consumerGroup: string,
): Promise<EventSource> {
  const { EventHubConsumerClient, parseEventHubConnectionString } = await import("@azure/event-hubs");
  const entity = parseEventHubConnectionString(connectionString).eventHubName;
  const client =
    entity === undefined
      ? new EventHubConsumerClient(consumerGroup, connectionString, hubName)
      : new EventHubConsumerClient(consumerGroup, connectionString);
  return {
    name: entity ?? hubName,
    consumerGroup,
    partitions: () => client.getPartitionIds(),
    read: (partition, after, limits, handle, onError) =>
      client.subscribe(
        partition,
        {
          processEvents: (events) => handle(events.map(toHubEvent)),
          processError: (error) => {
            onError(error);
            return Promise.resolve();
          },
        },
        {
          startPosition: after === undefined ? { offset: "-1" } : { sequenceNumber: after, isInclusive: false },
          maxBatchSize: limits.maxEventBatchSize,
          maxWaitTimeInSeconds: Math.max(1, limits.maxWaitTimeMs / 1000),
          prefetchCount: limits.prefetchCount,
          // The host, like Azure's, owns its partitions alone; a reader left over from a killed host is thrown out.
          ownerLevel: 0,
          skipParsingBodyAsJson: true,
        },
      ),
    close: () => client.close(),
  };
}

function toHubEvent(event: ReceivedEventData): HubEvent {
  return {
    body: toBuffer(event.body),
    sequenceNumber: event.sequenceNumber,
    offset: event.offset,
    enqueuedTimeUtc: event.enqueuedTimeUtc,
    partitionKey: event.partitionKey,
    properties: { ...event.properties },
    systemProperties: amqpNames(event),
  };
}

function toBuffer(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (body instanceof Uint8Array) return Buffer.from(body);
  if (body === undefined || body === null) return Buffer.alloc(0);
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

/** The extension shows AMQP's own property names; the SDK renames them to camel case. */
function amqpNames(event: ReceivedEventData): Record<string, unknown> {
  const standard: Readonly<Record<string, string>> = {
    messageId: "message-id",
    userId: "user-id",
    correlationId: "correlation-id",
    contentType: "content-type",
    contentEncoding: "content-encoding",
    replyTo: "reply-to",
    subject: "subject",
  };
  const named: Record<string, unknown> = {};
  for (const [name, value] of Object.entries<unknown>(event.systemProperties ?? {}))
    named[standard[name] ?? name] = value;
  const { contentType, messageId, correlationId } = event;
  return {
    ...named,
    ...(contentType === undefined ? {} : { "content-type": contentType }),
    ...(messageId === undefined ? {} : { "message-id": messageId }),
    ...(correlationId === undefined ? {} : { "correlation-id": correlationId }),
  };
}
