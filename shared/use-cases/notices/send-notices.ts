import { nextTry } from "../../domain/notice";
import type { Clock } from "../../ports/clock";
import type { NoticeSender, Outbox } from "../../ports/notices";

export interface SendNoticesDeps {
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly noticeSender: NoticeSender;
}

/** Notices per look of the timer. */
const AT_ONCE = 50;

/** Sends what is due; each notice at least once to everybody, the same one under the same id. */
export function createSendNotices({ clock, outbox, noticeSender }: SendNoticesDeps): () => Promise<number> {
  return async () => {
    let sent = 0;
    for (const posting of await outbox.due(clock.now(), AT_ONCE)) {
      const taken = await noticeSender.send(posting.notice);
      const again = taken ? undefined : nextTry(posting, clock.now());
      if (again === undefined) await outbox.settle(posting);
      else await outbox.postpone(posting, again);
      if (taken) sent += 1;
    }
    return sent;
  };
}
