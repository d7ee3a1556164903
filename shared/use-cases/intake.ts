import { mergeFacts, noveltyOf, type DeviceFacts } from "../domain/device-facts";
import type { DeviceId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import { addEvents, NO_EVENTS, type EventCounts } from "../domain/source-counts";
import type { Clock } from "../ports/clock";
import type { SourceCounters } from "../ports/source-counters";
import type { StreamEvent } from "../ports/event-stream";
import type { FactStore, PoisonEvent, PoisonStore } from "../ports/stores";

export interface IntakeDeps {
  readonly clock: Clock;
  readonly facts: FactStore;
  readonly poison: PoisonStore;
  /** Told of every device that was heard, once its facts are stored; default: nobody. */
  readonly notice?: (heard: readonly DeviceFacts[]) => Promise<void>;
  /** Keeps what this answers, summed up per source; default: nobody. */
  readonly counters?: Pick<SourceCounters, "add">;
}

/** What one event says. A spoiled one may still tell that its device was heard. */
export type Heard =
  | { readonly kind: "facts"; readonly facts: DeviceFacts }
  | { readonly kind: "ignored" }
  | { readonly kind: "poison"; readonly poison: PoisonEvent; readonly facts?: DeviceFacts | undefined };

/** An event, read, and where it came from. */
export interface Taken {
  readonly source: string;
  readonly heard: Heard;
}

/**
 * Keeps what events of any source say, each counted once. Throws only for storage outages; taking in the same events again
 * changes nothing but the counts.
 */
export function createIntake({
  clock,
  facts,
  poison,
  notice,
  counters,
}: IntakeDeps): (all: readonly Taken[]) => Promise<EventCounts> {
  return async (all) => {
    const merged = new Map<DeviceId, DeviceFacts>();
    const spoiled: PoisonEvent[] = [];
    for (const { heard } of all) {
      if (heard.kind === "poison") spoiled.push(heard.poison);
      if (heard.kind !== "ignored" && heard.facts !== undefined)
        merged.set(heard.facts.deviceId, mergeFacts(merged.get(heard.facts.deviceId), heard.facts));
    }
    if (spoiled.length > 0) await poison.put(spoiled);
    const before = merged.size === 0 ? NOBODY : await facts.merge([...merged.values()]);
    await notice?.([...merged.values()]);
    const bySource = count(all, before);
    for (const [source, counts] of bySource) await counters?.add(source, counts, clock.now());
    return [...bySource.values()].reduce(addEvents, NO_EVENTS);
  };
}

const NOBODY: ReadonlyMap<DeviceId, DeviceFacts> = new Map();

/** Says of each event whether it told anything new, going by what was known before and by the events before it. */
function count(all: readonly Taken[], before: ReadonlyMap<DeviceId, DeviceFacts>): ReadonlyMap<string, EventCounts> {
  const known = new Map(before);
  const bySource = new Map<string, EventCounts>();
  for (const { source, heard } of all) {
    const word = heard.kind === "facts" ? noveltyOf(known.get(heard.facts.deviceId), heard.facts) : heard.kind;
    if (heard.kind === "facts" && word === "applied")
      known.set(heard.facts.deviceId, mergeFacts(known.get(heard.facts.deviceId), heard.facts));
    const one = { ...NO_EVENTS, received: 1, [word]: 1 };
    bySource.set(source, addEvents(bySource.get(source) ?? NO_EVENTS, one));
  }
  return bySource;
}

const POISON_BYTES = 8 * 1024;

/** An event that nothing could be made of, with where it lies. */
export function toPoison(hub: string, event: StreamEvent, reason: string, at: Instant): PoisonEvent {
  const deviceId = event.systemProperties["iothub-connection-device-id"];
  return {
    hub,
    partition: event.partition,
    sequenceNumber: event.sequenceNumber,
    offset: event.offset,
    at,
    reason,
    deviceId: typeof deviceId === "string" ? deviceId : undefined,
    bodyBase64: Buffer.from(event.body.subarray(0, POISON_BYTES)).toString("base64"),
  };
}
