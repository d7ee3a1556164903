import { z } from "zod";

const Env = z.object({
  /** How many stories; more find more. */
  MODEL_RUNS: z.coerce.number().int().positive().default(60),
  MODEL_SEED: z.coerce.number().int().default(20_260_101),
  /** When the search, and the shortening of a story that breaks a law, ends. */
  MODEL_MS: z.coerce.number().int().positive().optional(),
  /** The app is broken on purpose: that it is noticed is all that matters. */
  MODEL_MUTANT: z.string().optional(),
});

const { MODEL_RUNS, MODEL_SEED, MODEL_MS, MODEL_MUTANT } = Env.parse(process.env);

/** The same stories every time, so that a red test stays red until it is mended; what failed prints its seed and path. */
export const runs = {
  numRuns: MODEL_RUNS,
  seed: MODEL_SEED,
  endOnFailure: MODEL_MUTANT !== undefined,
  ...(MODEL_MS === undefined ? {} : { interruptAfterTimeLimit: MODEL_MS }),
};
