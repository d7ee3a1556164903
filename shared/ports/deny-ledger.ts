import type { DenyEntry } from "../domain/deny-entry";

/** What rolls put into DPS to keep something out, for as long as it is needed. Throws `RollError` when storage does not answer. */
export interface DenyLedger {
  /** Writes a row by `noted`; the same entry again changes nothing. */
  note(entry: DenyEntry): Promise<void>;
  find(id: string): Promise<DenyEntry | undefined>;
  /** Reads, decides, and writes guarded by the version; decides again after a lost race. Undefined: there is no such row. */
  change<T>(
    id: string,
    decide: (current: DenyEntry) => { readonly next?: DenyEntry; readonly answer: T },
  ): Promise<T | undefined>;
  /** In the order of their ids (see `denyId`); `after` is the last id of the page before. */
  list(page: { readonly limit: number; readonly after?: string }): Promise<readonly DenyEntry[]>;
}
