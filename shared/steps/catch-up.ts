import type { catchUpPartition, listStreamPartitions } from "../contract/catch-up";
import { RollError } from "../domain/roll-error";
import type { EventStream, StreamEvent } from "../ports/event-stream";
import type { Step } from "./step";

export interface CatchUpDeps {
  /** Undefined: the stream cannot be read beside its trigger. */
  readonly stream: EventStream | undefined;
  /** Takes events in as the trigger does, counted under the same sources. */
  readonly ingest: (hub: string, events: readonly StreamEvent[]) => Promise<unknown>;
}

/** Events per activity, some megabytes of heartbeats. */
const PAGE = 2_000;

export function createListStreamPartitions({ stream }: CatchUpDeps): Step<typeof listStreamPartitions> {
  return async () => ({ partitions: [...(await configured(stream).partitions())] });
}

export function createCatchUpPartition({ stream, ingest }: CatchUpDeps): Step<typeof catchUpPartition> {
  return async ({ partition, since, until, after }) => {
    const source = configured(stream);
    const { events, end } = await source.read({ partition, since, until, after, limit: PAGE });
    if (events.length > 0) await ingest(source.name, events);
    const last = events.at(-1)?.sequenceNumber ?? after;
    return { received: events.length, ...(end || last === undefined ? {} : { after: last }) };
  };
}

function configured(stream: EventStream | undefined): EventStream {
  // The order was refused without it; somebody has taken the setting away since.
  if (stream === undefined) throw new RollError("service-unavailable", "ROLLCALL_CATCH_UP_GROUP is not set", false);
  return stream;
}
