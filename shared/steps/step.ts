import type { z } from "zod";
import type { ActivityContract, ActivityReply } from "../contract/activity";
import { RollError } from "../domain/roll-error";

/** An activity's body: input and output as the contract types them. */
export type Step<C> =
  C extends ActivityContract<infer I, infer O> ? (input: z.output<I>) => Promise<z.input<O>> : never;

/**
 * Turns a step into what the Functions host calls: parses input and output by contract and carries outages as data.
 * Anything else that is thrown is a bug and stays an error.
 */
export function asActivity<I extends z.ZodType, O extends z.ZodType>(
  contract: ActivityContract<I, O>,
  step: (input: z.output<I>) => Promise<z.input<O>>,
): (input: unknown) => Promise<ActivityReply> {
  return async (input) => {
    try {
      return { outcome: "done", value: contract.output.parse(await step(contract.input.parse(input))) };
    } catch (error) {
      if (!(error instanceof RollError) || !error.retryable) throw error;
      const retryAfter = error.retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(error.retryAfterMs) };
      return { outcome: "unavailable", code: error.code, detail: error.message, ...retryAfter };
    }
  };
}
