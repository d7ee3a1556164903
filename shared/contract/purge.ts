import { z } from "zod";
import { RollId } from "../domain/ids";
import { Instant } from "../domain/instant";
import { activityContract } from "./activity";

const Purge = z.object({
  /** Of rolls that ended before it, all but header and report goes; absent: it stays. */
  detailsBefore: Instant.optional(),
  /** Of rolls that ended before it, everything goes; absent: headers and reports stay. */
  reportsBefore: Instant.optional(),
  /** The roll that was looked at last; rolls are looked at newest first. */
  after: RollId.optional(),
});

/** Deletes what has outlived its time from the next rolls, some seconds long. Safe to run twice. `next` absent: all were looked at. */
export const purgeRolls = activityContract({
  name: "purgeRolls",
  input: Purge,
  output: z.object({ next: z.object({ after: RollId.optional() }).optional(), purged: z.int().nonnegative() }),
});

/** Goes through all rolls once. There is one instance, `purge`. Output: how many rolls lost something. */
export const purgeFinished = activityContract({
  name: "purgeFinished",
  input: Purge.extend({ purged: z.int().nonnegative() }),
  output: z.object({ purged: z.int().nonnegative() }),
});

export const PURGE_INSTANCE = "purge";

/** The body of `POST /api/rolls/purge`. */
export const PurgeBody = z.strictObject({
  /** Rolls that ended before it lose devices, plan and journals; it has to be past. */
  before: z.iso.datetime({ offset: true }),
  /** Their reports and headers go too. Default: they stay. */
  reports: z.boolean().optional(),
});

/** `running`: another purge is under way, and this one was not begun. */
export const PurgeView = z.object({ purge: z.enum(["started", "running"]) });
