import { z } from "zod";
import { Instant } from "../domain/instant";

/** A reservation that was made, for a moment still to come. */
export const Ticket = z.object({
  grantedAt: Instant,
  /** How long the reserved units take at their rate. */
  spreadMs: z.int().nonnegative(),
});
export type Ticket = z.infer<typeof Ticket>;

/** An activity cannot go on yet: the orchestration sleeps until then, and calls it again with the ticket, if there is one. */
export const PaceWait = z.object({ until: Instant, ticket: Ticket.optional() });
export type PaceWait = z.infer<typeof PaceWait>;

/** Part of the input of an activity that reserves quota before it works. */
export const PacedInput = z.object({ ticket: Ticket.optional() });
export type PacedInput = z.infer<typeof PacedInput>;

/** Part of its output: with `wait` it has done nothing yet. */
export const PacedOutput = z.object({ wait: PaceWait.optional() });
export type PacedOutput = z.infer<typeof PacedOutput>;
