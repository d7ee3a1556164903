import { z } from "zod";
import { TargetPart, Wave } from "../domain/roll/cut-targets";
import type { Document } from "../ports/stores";

/** The documents that steps leave for each other, by name and shape. */
export const documents = {
  /** The waves the target list was cut into. */
  waves: { name: "waves", schema: z.array(Wave) },
  /** One page of the target list before it is cut. */
  part: (part: number): Document<TargetPart> => ({
    name: `parts/${String(part).padStart(6, "0")}`,
    schema: TargetPart,
  }),
} as const;
