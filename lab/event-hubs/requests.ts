import { message, types, type Sender } from "rhea";
import type { EventHubEntity } from "./entity";

/** A message of the client on `$cbs` or `$management`. */
export interface ServiceRequest {
  readonly messageId: unknown;
  readonly replyTo: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export function requestOf(received: unknown): ServiceRequest {
  const decoded: unknown = Buffer.isBuffer(received) ? message.decode(received) : received;
  const fields = record(decoded);
  return {
    messageId: fields["message_id"],
    replyTo: typeof fields["reply_to"] === "string" ? fields["reply_to"] : "",
    properties: record(fields["application_properties"]),
    body: fields["body"],
  };
}

/** Answers a request on the link that the client opened for answers. */
export function reply(to: Sender, request: ServiceRequest, status: number, description: string, body?: unknown): void {
  to.send({
    correlation_id: typeof request.messageId === "string" ? request.messageId : "",
    application_properties: { "status-code": status, "status-description": description },
    body: body ?? "",
  });
}

/** The answer to READ of `com.microsoft:eventhub`. */
export function describeEntity(entity: EventHubEntity): unknown {
  return {
    name: entity.name,
    type: "com.microsoft:eventhub",
    created_at: types.wrap_timestamp(entity.createdAt),
    partition_count: types.wrap_int(entity.partitions.length),
    partition_ids: types.wrap_array(
      entity.partitions.map((partition) => partition.id),
      0xa1,
      undefined,
    ),
  };
}

/** The answer to READ of `com.microsoft:partition`; undefined when there is no such partition. */
export function describePartition(entity: EventHubEntity, partitionId: string): unknown {
  const properties = entity.partition(partitionId)?.properties();
  if (!properties) return undefined;
  return {
    name: entity.name,
    type: "com.microsoft:partition",
    partition: partitionId,
    begin_sequence_number: types.wrap_long(properties.beginSequenceNumber),
    last_enqueued_sequence_number: types.wrap_long(properties.lastSequenceNumber),
    last_enqueued_offset: properties.lastOffset,
    last_enqueued_time_utc: types.wrap_timestamp(properties.lastEnqueuedAt),
    is_partition_empty: properties.empty,
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
