import { LogEvent, ofLinkedHub, readConnectionRecord } from "../contract/hub-events";
import type { DeviceFacts } from "../domain/device-facts";
import type { HubName } from "../domain/hub/hub-word";
import type { EventCounts } from "../domain/source-counts";
import type { StreamEvent } from "../ports/event-stream";
import { createIntake, toPoison, type IntakeDeps, type Taken } from "./intake";
import { jsonOf } from "./json-body";

export interface HubToldDeps extends IntakeDeps {
  /** The linked hubs' names; what others tell is ignored. Default: of any. */
  readonly hubNames?: ReadonlySet<string>;
}

/**
 * Takes in what Event Grid tells of devices of the linked hubs, counted as source `eventgrid/<hub>`. Throws only for
 * storage outages, so that it is delivered again.
 */
export function createIngestHubFacts(deps: HubToldDeps): (told: readonly DeviceFacts[]) => Promise<EventCounts> {
  const take = createIntake(deps);
  return (told) =>
    take(
      told.map((facts): Taken => {
        const [hub = ""]: HubName[] = Object.keys(facts.hubs ?? {});
        const heard = ofLinkedHub({ kind: "facts", facts }, deps.hubNames);
        return { source: `eventgrid/${hub}`, heard: heard.kind === "facts" ? heard : { kind: "ignored" } };
      }),
    );
}

/**
 * Takes in connection logs from an event hub, whose events hold many records each. Every record is counted, an event that
 * holds none as one; each stands alone. Throws only for storage outages.
 */
export function createIngestConnectionLogs(
  deps: HubToldDeps,
): (eventHub: string, events: readonly StreamEvent[]) => Promise<EventCounts> {
  const take = createIntake(deps);
  return (eventHub, events) =>
    take(
      events.flatMap((event): Taken[] => {
        const source = `${eventHub}/${event.partition}`;
        const spoiled = (reason: string): Taken => ({
          source,
          heard: { kind: "poison", poison: toPoison(eventHub, event, reason, deps.clock.now()) },
        });
        const log = LogEvent.safeParse(jsonOf(event.body));
        if (!log.success) return [spoiled("no event of a stream of resource logs")];
        return log.data.records.map((record): Taken => {
          const told = ofLinkedHub(readConnectionRecord(record), deps.hubNames);
          return told.kind === "poison" ? spoiled(told.reason) : { source, heard: told };
        });
      }),
    );
}
