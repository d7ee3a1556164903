import { z } from "zod";

/** An activity as both sides know it: its registered name and the schemas of what crosses the durable boundary. */
export interface ActivityContract<I extends z.ZodType, O extends z.ZodType> {
  readonly name: string;
  readonly input: I;
  readonly output: O;
}

export function activityContract<I extends z.ZodType, O extends z.ZodType>(
  contract: ActivityContract<I, O>,
): ActivityContract<I, O> {
  return contract;
}

/** A sub-orchestration as both sides know it. */
export type OrchestrationContract<I extends z.ZodType, O extends z.ZodType> = ActivityContract<I, O>;

/**
 * What an activity's handler returns. Outages travel as data, because a thrown error loses its code on the way, is masked
 * where it looks like a credential, and makes `Task.all` give up on the siblings.
 */
export const ActivityReply = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("done"), value: z.unknown() }),
  z.object({
    outcome: z.literal("unavailable"),
    code: z.string(),
    detail: z.string(),
    retryAfterMs: z.int().nonnegative().optional(),
  }),
]);
export type ActivityReply = z.infer<typeof ActivityReply>;
