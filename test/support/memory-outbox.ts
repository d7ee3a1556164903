import type { Instant } from "../../shared/domain/instant";
import type { Notice, Posting } from "../../shared/domain/notice";
import type { Outbox } from "../../shared/ports/notices";

/** The outbox in memory; passes the same contract suite as the real one. */
export class MemoryOutbox implements Outbox {
  private readonly all = new Map<string, Posting & { readonly settled: boolean }>();

  put(notice: Notice): Promise<void> {
    if (!this.all.has(notice.id)) this.all.set(notice.id, { notice, tries: 0, dueAt: notice.at, settled: false });
    return Promise.resolve();
  }

  due(at: Instant, limit: number): Promise<readonly Posting[]> {
    const due = [...this.all.values()].filter(({ settled, dueAt }) => !settled && dueAt <= at);
    return Promise.resolve(due.slice(0, limit).map(({ settled: _settled, ...posting }) => posting));
  }

  postpone(posting: Posting, dueAt: Instant): Promise<void> {
    this.all.set(posting.notice.id, { ...posting, tries: posting.tries + 1, dueAt, settled: false });
    return Promise.resolve();
  }

  settle(posting: Posting): Promise<void> {
    this.all.set(posting.notice.id, { ...posting, tries: posting.tries + 1, settled: true });
    return Promise.resolve();
  }
}
