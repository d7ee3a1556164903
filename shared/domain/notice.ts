import { z } from "zod";
import { RollId } from "./ids";
import { addMs, Instant } from "./instant";

/**
 * What people are told without asking. `approval-needed`: a roll waits for a person. `brake-pulled`: a roll paused itself.
 * `containment-broken`: something opened again for a contained device. `stragglers`: a roll has ended and devices still need
 * somebody. `finished`: a roll has ended.
 */
export const NoticeKind = z.enum(["approval-needed", "brake-pulled", "containment-broken", "stragglers", "finished"]);
export type NoticeKind = z.infer<typeof NoticeKind>;

export const Notice = z.object({
  /** The same for the same news, however often it is found and sent: receivers may go by it. */
  id: z.string().min(1).max(120),
  kind: NoticeKind,
  rollId: RollId,
  at: Instant,
  /** One sentence for people. */
  text: z.string().max(500),
});
export type Notice = z.infer<typeof Notice>;

/** A notice on its way. */
export const Posting = z.object({ notice: Notice, tries: z.int().nonnegative(), dueAt: Instant });
export type Posting = z.infer<typeof Posting>;

const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** With these pauses some three days; then nobody will listen any more. */
const MOST_TRIES = 80;

/** When a notice that could not be delivered is tried again; undefined: given up. */
export function nextTry({ tries }: Posting, now: Instant): Posting["dueAt"] | undefined {
  if (tries + 1 >= MOST_TRIES) return undefined;
  return addMs(now, Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 10), LONGEST_PAUSE_MS));
}
