import type { TypedData } from "../worker/protocol";
import type { HubEvent } from "./event-source";

/** How the trigger was declared. */
export interface EventHubBinding {
  readonly cardinality: "one" | "many";
  /** Lower case; empty when the app named none. */
  readonly dataType: string;
}

/** Where a batch was read. */
export interface BatchOrigin {
  readonly hub: string;
  readonly consumerGroup: string;
  readonly partition: string;
}

/** The batch cannot be bound; the handler is not called, and the checkpoint moves on nevertheless. */
export class BindingFailed extends Error {
  override readonly name = "BindingFailed";
}

/**
 * The trigger value of a batch. `binary` keeps every body; `string` loses empty ones, while the metadata keeps their
 * places; without a data type every body must be JSON (Azure/azure-functions-nodejs-library#187, #340).
 */
export function triggerData(binding: EventHubBinding, events: readonly HubEvent[]): TypedData {
  if (binding.cardinality === "one") return oneBody(binding, events[0]);
  if (binding.dataType === "binary") return { collectionBytes: { bytes: events.map(({ body }) => body) } };
  const texts = events.map(({ body }) => body.toString("utf8"));
  if (binding.dataType === "string") return { collectionString: { string: texts.filter((text) => text !== "") } };
  for (const [index, text] of texts.entries()) {
    if (!isJson(text)) {
      throw new BindingFailed(
        `Exception binding parameter: event ${String(events[index]?.sequenceNumber)} of the batch is not JSON. ` +
          "Declare dataType 'binary' on the trigger and parse each event in the handler.",
      );
    }
  }
  return { json: `[${texts.join(",")}]` };
}

function oneBody(binding: EventHubBinding, event: HubEvent | undefined): TypedData {
  const body = event?.body ?? Buffer.alloc(0);
  return binding.dataType === "binary" ? { bytes: body } : { string: body.toString("utf8") };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Binding data beside the value, with the names WebJobs gives it. */
export function triggerMetadata(
  binding: EventHubBinding,
  origin: BatchOrigin,
  events: readonly HubEvent[],
): Readonly<Record<string, TypedData>> {
  const json = (value: unknown): TypedData => ({ json: JSON.stringify(value) });
  const partition = json({
    PartitionId: origin.partition,
    EventHubName: origin.hub,
    ConsumerGroup: origin.consumerGroup,
  });
  const system = events.map(systemProperties);
  const [first] = events;
  if (binding.cardinality === "one") {
    if (first === undefined) return {};
    return {
      PartitionContext: partition,
      ...(first.partitionKey === null ? {} : { PartitionKey: { string: first.partitionKey } }),
      Offset: { string: first.offset },
      SequenceNumber: { int: first.sequenceNumber },
      EnqueuedTimeUtc: json(first.enqueuedTimeUtc.toISOString()),
      Properties: json(first.properties),
      SystemProperties: json(system[0]),
    };
  }
  return {
    PartitionContext: partition,
    // Arrays of text lose their empty entries on the way to the worker, so this one may be shorter than the batch.
    PartitionKeyArray: { collectionString: { string: present(events.map((event) => event.partitionKey ?? "")) } },
    OffsetArray: { collectionString: { string: present(events.map((event) => event.offset)) } },
    SequenceNumberArray: { collectionSint64: { sint64: events.map((event) => event.sequenceNumber) } },
    EnqueuedTimeUtcArray: json(events.map((event) => event.enqueuedTimeUtc.toISOString())),
    PropertiesArray: json(events.map((event) => event.properties)),
    SystemPropertiesArray: json(system),
  };
}

function present(texts: readonly string[]): string[] {
  return texts.filter((text) => text !== "");
}

function systemProperties(event: HubEvent): Readonly<Record<string, unknown>> {
  return {
    ...event.systemProperties,
    SequenceNumber: event.sequenceNumber,
    Offset: event.offset,
    PartitionKey: event.partitionKey,
    EnqueuedTimeUtc: event.enqueuedTimeUtc.toISOString(),
  };
}
