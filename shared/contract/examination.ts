import { z } from "zod";
import { RollId } from "../domain/ids";
import { Instant } from "../domain/instant";
import { InventoryId } from "../domain/inventory/inventory";
import { HeldBack, Pace } from "./activities";
import { activityContract } from "./activity";

const Count = z.int().nonnegative();
const Cursor = z.string().max(9_000);
const RollInput = z.object({ rollId: RollId });

/**
 * Where devices are looked for that the first target list could not show. `dps`: individual enrollments that refer to the
 * compromised CA, and groups that were found later. `hubs`: everything that a fresh inventory shows.
 */
export const OthersAt = z.enum(["dps", "hubs"]);
export type OthersAt = z.infer<typeof OthersAt>;

/**
 * Collects a piece of them and stores it as one part; `hubs` needs the inventory that {@link beginExamination} named.
 * `groups`: devices of all groups concerned, because the first list was made without knowing them.
 */
export const gatherOthers = activityContract({
  name: "gatherOthers",
  input: RollInput.extend({ at: OthersAt, groups: z.boolean(), part: Count, cursor: Cursor.optional() }),
  output: z.object({ devices: Count, next: Cursor.optional() }),
});

/** Cuts those that no batch has yet into batches, behind the `batches` that there are; frozen from here on. */
export const cutOthers = activityContract({
  name: "cutOthers",
  input: RollInput.extend({ at: OthersAt, parts: Count, batches: Count }),
  output: z.object({ batches: Count }),
});

/** Names the inventory that a roll examines, and notes that it is being taken. */
export const beginExamination = activityContract({
  name: "beginExamination",
  input: RollInput,
  output: z.object({ inventoryId: InventoryId, startedAt: Instant }),
});

/** Notes on the header how it went. `failed`: the hubs could not be read; whoever came without a record is not known. */
export const noteExamination = activityContract({
  name: "noteExamination",
  input: RollInput.extend({ state: z.enum(["done", "failed"]) }),
  output: z.object({}),
});

/** What of the batches from `from` on may not be cut off without a person, because nobody answers for the roll by name. */
export const holdOthers = activityContract({
  name: "holdOthers",
  input: RollInput.extend({ from: Count, batches: Count }),
  output: z.object({ heldBack: HeldBack.optional() }),
});

/** Looks for them in one place, cuts and opens their batches; continues as new. Answers how many batches there are then. */
export const openOthers = activityContract({
  name: "openOthers",
  input: RollInput.extend({
    at: OthersAt,
    groups: z.boolean(),
    batches: Count,
    /** Where an earlier execution left off. */
    progress: z
      .discriminatedUnion("doing", [
        z.object({ doing: z.literal("gather"), part: Count, cursor: Cursor }),
        z.object({ doing: z.literal("open"), batches: Count, from: Count }),
      ])
      .optional(),
  }),
  output: z.object({ batches: Count }),
});

/**
 * After a CA's breach: contains and proves whom the lists of its groups do not show. Runs beside everything that follows the
 * containment of those they do.
 */
export const containOthers = activityContract({
  name: "containOthers",
  input: RollInput.extend({ batches: Count, pace: Pace, groups: z.boolean() }),
  output: z.object({}),
});
