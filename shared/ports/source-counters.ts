import type { EventCounts, SourceCounts } from "../domain/source-counts";
import type { Instant } from "../domain/instant";

/** Sums of events per source. Throws `RollError` (`service-unavailable`) when the storage does not answer. */
export interface SourceCounters {
  add(source: string, counts: EventCounts, at: Instant): Promise<void>;
  /** All sources, by name. */
  list(): Promise<readonly SourceCounts[]>;
}
