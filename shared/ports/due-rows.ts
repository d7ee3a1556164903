import type { DueRow } from "../domain/due";
import type { Instant } from "../domain/instant";

/** Work that is due some day. Throws `RollError` (`service-unavailable`) when the storage does not answer. */
export interface DueRows {
  /** Notes it, or moves it where its key is noted already. */
  note(row: DueRow): Promise<void>;
  find(key: string): Promise<DueRow | undefined>;
  /** What is due at this moment, at most `limit` (1-1,000), in the order of their keys. */
  due(at: Instant, limit: number): Promise<readonly DueRow[]>;
  /** All of it, a page at a time in the order of keys; `after` is the last key of the page before. */
  list(page: { readonly limit: number; readonly after?: string }): Promise<readonly DueRow[]>;
  /** It is done, or no longer wanted. Safe to run twice. */
  settle(key: string): Promise<void>;
}
