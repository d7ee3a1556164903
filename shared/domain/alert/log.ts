import { z } from "zod";
import { RollId } from "../ids";
import { Instant } from "../instant";
import { Severity } from "./policy";

/**
 * What became of an alert. `started`: of a roll; `merged`: running rolls cut off all that it names; `known`: it had come
 * before; `recorded`: it starts nothing by policy; `refused`: see `detail`.
 */
export const AlertRecord = z.object({
  at: Instant,
  source: z.string().max(300),
  id: z.string().max(200),
  type: z.string().max(200),
  severity: Severity.optional(),
  outcome: z.enum(["started", "known", "merged", "recorded", "refused"]),
  rollId: RollId.optional(),
  /** Why it was refused or only recorded: a code or a sentence. */
  detail: z.string().max(500).optional(),
});
export type AlertRecord = z.infer<typeof AlertRecord>;
