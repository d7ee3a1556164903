import { message, types } from "rhea";

/** A value that AMQP can carry in a property or an annotation; dates travel as timestamps. */
export type AmqpScalar = string | number | boolean | Date | Buffer | null;

/** The standard AMQP properties that IoT Hub fills from a device's system properties. */
export interface EventProperties {
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly userId?: string;
  readonly to?: string;
  readonly subject?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly creationTime?: Date;
}

/** An event before it has a place in a partition. */
export interface EventToAppend {
  /** Events of one key go to one partition, in order; without a key (or partition) they are dealt out in turn. */
  readonly partitionKey?: string;
  /** Names the partition; wins over the key. */
  readonly partitionId?: string;
  readonly body: Buffer;
  readonly applicationProperties?: Readonly<Record<string, AmqpScalar>>;
  readonly properties?: EventProperties;
  /** Message annotations beside those of Event Hubs: IoT Hub puts its system properties here. */
  readonly annotations?: Readonly<Record<string, AmqpScalar>>;
}

/** An event as a partition holds it: encoded once, sent to every reader as it is. */
export interface StoredEvent {
  readonly sequenceNumber: number;
  /** Position in the partition's log; grows with every event by its size, as in Azure it is not the sequence number. */
  readonly offset: number;
  /** Milliseconds since the epoch, by the lab's clock. */
  readonly enqueuedAt: number;
  readonly encoded: Buffer;
}

/** Where in a partition an event is. */
export interface EventPlace {
  readonly sequenceNumber: number;
  readonly offset: number;
  readonly enqueuedAt: number;
}

/** A decoded event, for tests and displays. */
export interface ReadEvent extends EventPlace {
  readonly partitionId: string;
  readonly body: Buffer;
  readonly applicationProperties: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly messageId?: string;
}

/** What an encoder needs beside the event: either a new event, or what a producer sent over AMQP. */
export type Encodable = Readonly<Record<string, unknown>>;

/** An in-process event as rhea wants it. */
export function encodableOf(event: EventToAppend): Encodable {
  const { properties: p } = event;
  return {
    body: dataSection(event.body),
    ...(event.applicationProperties ? { application_properties: event.applicationProperties } : {}),
    message_annotations: {
      ...event.annotations,
      ...(event.partitionKey === undefined ? {} : { "x-opt-partition-key": event.partitionKey }),
    },
    ...(p?.messageId === undefined ? {} : { message_id: p.messageId }),
    ...(p?.correlationId === undefined ? {} : { correlation_id: p.correlationId }),
    ...(p?.userId === undefined ? {} : { user_id: Buffer.from(p.userId) }),
    ...(p?.to === undefined ? {} : { to: p.to }),
    ...(p?.subject === undefined ? {} : { subject: p.subject }),
    ...(p?.contentType === undefined ? {} : { content_type: p.contentType }),
    ...(p?.contentEncoding === undefined ? {} : { content_encoding: p.contentEncoding }),
    ...(p?.creationTime === undefined ? {} : { creation_time: p.creationTime }),
  };
}

/** Stamps sequence number, offset and time of arrival on an event and encodes it. */
export function encodeEvent(event: Encodable, place: EventPlace): Buffer {
  const annotations = annotationsOf(event);
  return message.encode({
    ...event,
    message_annotations: {
      ...annotations,
      "x-opt-sequence-number": types.wrap_long(place.sequenceNumber),
      "x-opt-offset": String(place.offset),
      "x-opt-enqueued-time": types.wrap_timestamp(place.enqueuedAt),
    },
  });
}

/** The partition key that a producer put on an event, if any. */
export function partitionKeyOf(event: Encodable): string | undefined {
  const key = annotationsOf(event)["x-opt-partition-key"];
  return typeof key === "string" ? key : undefined;
}

/**
 * The events in what a producer sent. The SDK always sends the batch format 0x80013700: one message whose data sections
 * are encoded messages; other clients may send plain messages.
 */
export function eventsFromProducer(sent: unknown): Encodable[] {
  if (!Buffer.isBuffer(sent)) return [asRecord(sent)];
  const outer = decode(sent);
  const sections = contentOf(outer["body"]);
  const key = partitionKeyOf(outer);
  return sections.map((section) => {
    const inner = decode(section);
    if (key === undefined) return inner;
    return { ...inner, message_annotations: { ...annotationsOf(inner), "x-opt-partition-key": key } };
  });
}

/** Decodes a stored event for a test or a display. */
export function readEvent(partitionId: string, stored: StoredEvent): ReadEvent {
  const event = decode(stored.encoded);
  const messageId = event["message_id"];
  return {
    partitionId,
    sequenceNumber: stored.sequenceNumber,
    offset: stored.offset,
    enqueuedAt: stored.enqueuedAt,
    body: Buffer.concat(contentOf(event["body"])),
    applicationProperties: asRecord(event["application_properties"]),
    annotations: annotationsOf(event),
    ...(typeof messageId === "string" ? { messageId } : {}),
  };
}

function decode(encoded: Buffer): Encodable {
  return asRecord(message.decode(encoded));
}

function dataSection(body: Buffer): unknown {
  const section: unknown = message.data_section(body);
  return section;
}

function annotationsOf(event: Encodable): Readonly<Record<string, unknown>> {
  return asRecord(event["message_annotations"]);
}

/** The buffers of the data sections of a body, none for a body of another kind. */
function contentOf(body: unknown): Buffer[] {
  const content = asRecord(body)["content"];
  if (Buffer.isBuffer(content)) return [content];
  return Array.isArray(content) ? content.filter((part) => Buffer.isBuffer(part)) : [];
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
