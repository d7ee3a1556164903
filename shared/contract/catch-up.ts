import { z } from "zod";
import { Instant } from "../domain/instant";
import { activityContract } from "./activity";

/** A partition of the event stream that is being read again, and how far it was. */
const Place = z.object({
  partition: z.string().min(1).max(50),
  /** Sequence number of the last event that was taken in; absent: none yet. */
  after: z.int().optional(),
});

/** What is read again: events enqueued from `since` up to and with `until`. */
const Span = { since: Instant, until: Instant };

export const listStreamPartitions = activityContract({
  name: "listStreamPartitions",
  input: z.object({}),
  output: z.object({ partitions: z.array(z.string().max(50)).max(32) }),
});

/** Takes in the next page of one partition. Safe to run twice: what is known already counts as a duplicate. */
export const catchUpPartition = activityContract({
  name: "catchUpPartition",
  input: Place.extend(Span),
  /** `after` is absent once the partition is read to its end. */
  output: z.object({ received: z.int().nonnegative(), after: z.int().optional() }),
});

/** Reads the stream of all partitions again. There is one instance, so that one runs at a time. */
export const catchUp = activityContract({
  name: "catchUp",
  input: z.object({
    ...Span,
    /** What is left to read; absent: everything. */
    left: z.array(Place).max(32).optional(),
    received: z.int().nonnegative().optional(),
  }),
  /** Events that were read, whatever became of them. */
  output: z.object({ received: z.int().nonnegative() }),
});

export const CATCH_UP_INSTANCE = "catch-up";

/** The body of `POST /api/heartbeats/catch-up`. */
export const CatchUpOrder = z.strictObject({ since: z.iso.datetime({ offset: true }) });

export const CatchUpView = z.object({
  /** `running`: one is under way, and this one was not started. */
  outcome: z.enum(["started", "running"]),
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
  statusUrl: z.string(),
});
export type CatchUpView = z.infer<typeof CatchUpView>;
