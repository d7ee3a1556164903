import { z } from "zod";
import { DenyKind } from "../domain/deny-entry";
import { RollId } from "../domain/ids";
import { activityContract } from "./activity";

const DueInput = z.object({ rollId: RollId, key: z.string().min(1).max(200) });

/** Takes a deny entry away whose date has come. `nothing`: it is gone, or wanted for longer. */
export const liftDeny = activityContract({
  name: "liftDeny",
  input: DueInput,
  output: z.object({ outcome: z.enum(["lifted", "nothing"]) }),
});

/** The orchestration that the timer starts for it. */
export const liftDue = activityContract({ name: "liftDue", input: DueInput, output: z.object({}) });

/** The body of `POST /api/deny-entries/{kind}/{target}/lift`. */
export const LiftBody = z.strictObject({
  /** Why; stands in the ledger. */
  reason: z.string().min(1).max(1_000),
  /** Before its date: the approver takes the risk that what it keeps out still works. */
  override: z.boolean().optional(),
});
export type LiftBody = z.infer<typeof LiftBody>;

/** A deny entry as operators see it. */
export const DenyEntryView = z.object({
  id: z.string(),
  kind: DenyKind,
  target: z.string(),
  rollId: RollId,
  owner: z.string(),
  reason: z.string(),
  createdAt: z.iso.datetime(),
  removeAfter: z.iso.datetime().optional(),
  /** What it does, in a sentence. */
  explanation: z.string(),
  lifted: z.object({ by: z.string(), at: z.iso.datetime(), reason: z.string(), early: z.boolean() }).optional(),
});
export type DenyEntryView = z.infer<typeof DenyEntryView>;
