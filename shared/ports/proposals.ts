import type { Proposal } from "../domain/expiry/proposal";

/** Rolls that are due. Throws `RollError` (`service-unavailable`) when the storage does not answer. */
export interface ProposalStore {
  /** Notes those that are not known yet; answers them. What is known stays as it is. */
  note(proposals: readonly Proposal[]): Promise<readonly Proposal[]>;
  /** In the order of keys, at most `limit` (1-1,000) per page. */
  list(page: { readonly limit: number; readonly after?: string }): Promise<readonly Proposal[]>;
  get(key: string): Promise<Proposal | undefined>;
  /** All that are `starting`. */
  listStarting(): Promise<readonly Proposal[]>;
  /** Changes those of these keys for which `change` has an answer; it may run more than once. */
  update(keys: readonly string[], change: (stored: Proposal) => Proposal | undefined): Promise<void>;
}
