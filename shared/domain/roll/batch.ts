import { z } from "zod";
import { RollId } from "../ids";
import { Instant } from "../instant";

/** At most this many devices share a batch: their rows, the header and a journal row fit one storage transaction (100). */
export const BATCH_SIZE = 90;

/** Lines per journal row: with the longest of them a row still fits a storage entity. */
export const JOURNAL_LINES = BATCH_SIZE * 4;

/** The head of a batch; its version fences every write of the batch. */
export const BatchHeader = z.object({
  rollId: RollId,
  batch: z.int().nonnegative(),
  lease: z.object({ token: z.string(), until: Instant }).optional(),
  /** Number of journal rows written so far. */
  journalLength: z.int().nonnegative(),
});
export type BatchHeader = z.infer<typeof BatchHeader>;

/** One line of the journal: what a step was about to do, and what came of it, per device. */
export const JournalEntry = z.object({
  step: z.string(),
  kind: z.enum(["intent", "outcome"]),
  at: Instant,
  entries: z
    .array(
      z.object({
        registrationId: z.string(),
        /** Where: `dps` or a hub's host name. */
        target: z.string(),
        action: z.string(),
        before: z.string().optional(),
        after: z.string().optional(),
        result: z.string().optional(),
      }),
    )
    .max(JOURNAL_LINES),
});
export type JournalEntry = z.infer<typeof JournalEntry>;
export type JournalLine = JournalEntry["entries"][number];
