import { z } from "zod";
import { Instant } from "./instant";

/**
 * What became of the events of one source, a partition of an event stream: every event is counted once each time it comes,
 * so that always `received = applied + duplicate + stale + ignored + poison`.
 */
export const EventCounts = z.object({
  received: z.int().nonnegative(),
  /** Newer than all that was known of the device. */
  applied: z.int().nonnegative(),
  /** The very event that was the newest already. */
  duplicate: z.int().nonnegative(),
  /** Older than what was known: delivered again, or overtaken. */
  stale: z.int().nonnegative(),
  /** Not from a device's own session (modules, other message sources). */
  ignored: z.int().nonnegative(),
  /** Kept with their position, because nothing could be made of them. */
  poison: z.int().nonnegative(),
});
export type EventCounts = z.infer<typeof EventCounts>;

export const NO_EVENTS: EventCounts = { received: 0, applied: 0, duplicate: 0, stale: 0, ignored: 0, poison: 0 };

export const SourceCounts = EventCounts.extend({
  /** The event hub and its partition, such as `fleet/3`. */
  source: z.string().min(1).max(300),
  since: Instant,
  until: Instant,
});
export type SourceCounts = z.infer<typeof SourceCounts>;

export function addEvents(a: EventCounts, b: EventCounts): EventCounts {
  return {
    received: a.received + b.received,
    applied: a.applied + b.applied,
    duplicate: a.duplicate + b.duplicate,
    stale: a.stale + b.stale,
    ignored: a.ignored + b.ignored,
    poison: a.poison + b.poison,
  };
}
