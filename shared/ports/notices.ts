import type { Instant } from "../domain/instant";
import type { Notice, Posting } from "../domain/notice";

/** Notices on their way. Throws `RollError` (`service-unavailable`) when the storage does not answer. */
export interface Outbox {
  /** Insert-only: a notice that is there, or was there and is sent, is not put in again. */
  put(notice: Notice): Promise<void>;
  /** What wants to be sent now, at most `limit` (1-1,000). */
  due(at: Instant, limit: number): Promise<readonly Posting[]>;
  /** Tried in vain: again at `dueAt`. */
  postpone(posting: Posting, dueAt: Instant): Promise<void>;
  /** Delivered, or given up: remembered, so that it is not found anew. */
  settle(posting: Posting): Promise<void>;
}

/** Delivers to everybody who is to be told. */
export interface NoticeSender {
  /** True if all of them have taken it. Never throws; some may get it again after a failure of others. */
  send(notice: Notice): Promise<boolean>;
}
