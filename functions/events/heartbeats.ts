import { app, type InvocationContext } from "@azure/functions";
import { z } from "zod";
import { instant, parseInstant } from "../../shared/domain/instant";
import type { createIngestConnectionLogs } from "../../shared/use-cases/hub-told";
import type { StreamEvent } from "../../shared/ports/event-stream";
import type { createIngestEvents } from "../../shared/use-cases/ingest-events";
import { streamTrigger } from "./stream-trigger";

/**
 * The hub's event stream, in batches. `dataType: "binary"` keeps the host from parsing bodies: with JSON binding one body
 * that is not JSON would fail the whole batch and the checkpoint would move on; with strings, empty bodies would vanish and
 * the metadata arrays no longer fit. Only storage outages throw; the retry policy brings the batch back for as long as it
 * takes.
 */
export function registerHeartbeats(ingestEvents: ReturnType<typeof createIngestEvents>): void {
  app.eventHub("heartbeats", {
    connection: "ROLLCALL_HEARTBEATS",
    eventHubName: "%ROLLCALL_HEARTBEATS_HUB%",
    consumerGroup: "%ROLLCALL_HEARTBEATS_GROUP%",
    ...streamTrigger,
    handler: async (messages, context) => {
      const { hub, events } = toStreamEvents(messages, context);
      const counts = await ingestEvents(hub, events);
      if (counts.poison > 0) context.warn(`${counts.poison} of ${counts.received} events could not be used`);
    },
  });
}

/**
 * The linked hubs' connection logs, as diagnostic settings stream them to an event hub: setting
 * `ROLLCALL_CONNECTION_LOGS_HUB`, its connection in `ROLLCALL_CONNECTION_LOGS`.
 */
export function registerConnectionLogs(ingestLogs: ReturnType<typeof createIngestConnectionLogs>): void {
  app.eventHub("connectionLogs", {
    connection: "ROLLCALL_CONNECTION_LOGS",
    eventHubName: "%ROLLCALL_CONNECTION_LOGS_HUB%",
    ...streamTrigger,
    handler: async (messages, context) => {
      const { hub, events } = toStreamEvents(messages, context);
      const counts = await ingestLogs(hub, events);
      if (counts.poison > 0) context.warn(`${counts.poison} of ${counts.received} log records could not be used`);
    },
  });
}

const Bag = z.record(z.string(), z.unknown());
const Metadata = z.object({
  partitionContext: z.object({ partitionId: z.string(), eventHubName: z.string().optional() }),
  sequenceNumberArray: z.array(z.coerce.number()),
  offsetArray: z.array(z.coerce.string()),
  enqueuedTimeUtcArray: z.array(z.string()),
  propertiesArray: z.array(Bag),
  systemPropertiesArray: z.array(Bag),
});

/**
 * Joins bodies and metadata, which arrive as parallel arrays. If they do not fit each other nobody can say which body
 * belongs to which device: then no event keeps its device id, and all of them end as poison.
 */
export function toStreamEvents(
  messages: unknown,
  context: Pick<InvocationContext, "triggerMetadata">,
): { readonly hub: string; readonly events: StreamEvent[] } {
  const bodies = Array.isArray(messages) ? (messages as unknown[]) : [messages];
  const parsed = Metadata.safeParse(context.triggerMetadata ?? {});
  const arrays = parsed.success
    ? [
        parsed.data.sequenceNumberArray,
        parsed.data.offsetArray,
        parsed.data.enqueuedTimeUtcArray,
        parsed.data.propertiesArray,
        parsed.data.systemPropertiesArray,
      ]
    : [];
  const fits = parsed.success && arrays.every((array) => array.length === bodies.length);
  const partition = parsed.success ? parsed.data.partitionContext.partitionId : "?";
  const first = parsed.success ? (parsed.data.sequenceNumberArray[0] ?? 0) : 0;
  const events = bodies.map((body, at): StreamEvent => {
    const base = { body: toBytes(body), partition };
    if (!fits)
      return {
        ...base,
        properties: {},
        systemProperties: {},
        sequenceNumber: first,
        offset: `?${at}`,
        enqueuedAt: undefined,
      };
    const { data } = parsed;
    return {
      ...base,
      properties: data.propertiesArray[at] ?? {},
      systemProperties: data.systemPropertiesArray[at] ?? {},
      sequenceNumber: data.sequenceNumberArray[at] ?? 0,
      offset: data.offsetArray[at] ?? "",
      enqueuedAt: parseInstant(data.enqueuedTimeUtcArray[at] ?? "") ?? instant(0),
    };
  });
  return { hub: parsed.success ? (parsed.data.partitionContext.eventHubName ?? "") : "", events };
}

function toBytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body ?? null));
}
