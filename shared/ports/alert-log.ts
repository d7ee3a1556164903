import type { AlertRecord } from "../domain/alert/log";

/** What came in and what became of it. Throws `RollError` (`service-unavailable`) when the storage does not answer. */
export interface AlertLog {
  note(record: AlertRecord): Promise<void>;
  /** Newest first, at most `limit` (1-100). `next` continues where the page ended; absent on the last. */
  list(page: {
    readonly limit: number;
    readonly after?: string;
  }): Promise<{ readonly records: readonly AlertRecord[]; readonly next?: string }>;
}
