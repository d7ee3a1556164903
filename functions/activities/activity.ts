import * as df from "durable-functions";
import type { z } from "zod";
import type { ActivityContract } from "../../shared/contract/activity";
import { asActivity } from "../../shared/steps/step";

/** Names one step to the host, as its contract has it. */
export function activity<I extends z.ZodType, O extends z.ZodType>(
  { name, ...schemas }: ActivityContract<I, O>,
  step: (input: z.output<I>) => Promise<z.input<O>>,
): void {
  df.app.activity(name, { handler: asActivity({ name, ...schemas }, step) });
}
