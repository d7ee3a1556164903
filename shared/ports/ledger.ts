import type { Feedback, Granted, Wanted } from "../domain/pacing/ledger";
import type { ResourceName } from "../domain/pacing/quotas";

/**
 * The quota ledger: who may use how much of DPS and the hubs, and when; one for all rolls and all processes. Throws
 * `RollError` (`service-unavailable`) when the storage does not answer, or when other writes came first too often.
 */
export interface QuotaLedger {
  /** Takes all of the wanted resources together, or none. A call made twice takes twice. */
  reserve(wanted: Wanted<ResourceName>): Promise<Granted<ResourceName>>;
  /** Slows the resource down, for all rolls. */
  feedback(resource: ResourceName, feedback: Feedback): Promise<void>;
}
