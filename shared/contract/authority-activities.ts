import { z } from "zod";
import { RollId } from "../domain/ids";
import { activityContract } from "./activity";

const RollInput = z.object({ rollId: RollId });

/** A stable code, listed in docs/errors.md; what it means for this roll stands in its header. */
const Code = z.string().max(60);

/**
 * Judges the CA that is to take over and freezes what the roll will do with it. `mustProve`: DPS has to be shown that
 * somebody holds its key. `not-needed`: a roll of leaves.
 */
export const judgeSuccessor = activityContract({
  name: "judgeSuccessor",
  input: RollInput,
  output: z.discriminatedUnion("outcome", [
    z.object({ outcome: z.literal("ready"), mustProve: z.boolean() }),
    z.object({ outcome: z.literal("refused"), code: Code }),
    z.object({ outcome: z.literal("not-needed") }),
  ]),
});

/**
 * Brings the new CA into DPS and proves possession where the app can. `awaiting`: a person has to sign the verification
 * code that stands in the roll's header, or wait until somebody has verified it by other means.
 */
export const provePossession = activityContract({
  name: "provePossession",
  input: RollInput,
  output: z.object({ state: z.enum(["verified", "awaiting", "refused"]), code: Code.optional() }),
});

/**
 * What came of bringing a new CA into a group. `not-yet`: the CA is verified, but DPS does not take it; what is written to
 * Azure Resource Manager reaches the enrollments some time later.
 */
const GroupWrite = z.object({ outcome: z.enum(["done", "not-yet", "refused"]), code: Code.optional() });

/** Puts the new CA beside the old one, in one guarded write. */
export const stageAuthority = activityContract({
  name: "stageAuthority",
  input: RollInput,
  output: GroupWrite,
});

/**
 * Breach: takes the compromised CAs out of the group, the new one in, and opens the group again, by the variant that keeps
 * old leaves out.
 */
export const replaceAuthority = activityContract({
  name: "replaceAuthority",
  input: RollInput,
  output: GroupWrite,
});

/** A page of a list, and how many on it were looked for; `next` is absent on the last page. */
const Page = {
  input: z.object({ rollId: RollId, cursor: z.string().max(2_000).optional() }),
  output: z.object({ found: z.int().nonnegative(), next: z.string().max(2_000).optional() }),
};

/** Lists the group's registrations again, and finds those that came after the target list was made: they are in no batch. */
export const surveyRegistrations = activityContract({
  name: "surveyRegistrations",
  ...Page,
});

/** Takes the old CA out of the group, in the write that promotes the new one. */
export const dropAuthority = activityContract({
  name: "dropAuthority",
  input: RollInput,
  output: z.object({ outcome: z.enum(["dropped", "refused"]), code: Code.optional() }),
});

/** Lists the individual enrollments and finds those that lean on the old CA: their leaves come from it, or they name it. */
export const countLeaning = activityContract({
  name: "countLeaning",
  ...Page,
});

/**
 * Deletes the old CA certificates from DPS unless something else stands on them: then they are kept and the header says
 * why. Fresh reads confirm it: `retired` only if no group names them and DPS has none of them.
 */
export const deleteAuthority = activityContract({
  name: "deleteAuthority",
  input: z.object({ rollId: RollId, leaning: z.int().nonnegative() }),
  output: z.object({ outcome: z.enum(["retired", "kept"]), code: Code.optional() }),
});
