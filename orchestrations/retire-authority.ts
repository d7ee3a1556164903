import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import {
  countLeaning,
  deleteAuthority,
  dropAuthority,
  surveyRegistrations,
} from "../shared/contract/authority-activities";
import * as contract from "../shared/contract/authority-orchestrations";
import { call, continueAsNew, input, type Orchestration } from "./durable";

type End = z.input<typeof contract.retireAuthority.output>;
type Progress = NonNullable<z.output<typeof contract.retireAuthority.input>["progress"]>;

/** Pages per execution; then the history starts anew. */
const PAGES = 40;

/**
 * Takes the old CA out of use. First whoever registered meanwhile is looked for; then it leaves the group, in the write that
 * promotes the new one; then DPS, unless something else stands on it.
 */
export function* retireAuthority(ctx: OrchestrationContext): Orchestration<End> {
  const { rollId, progress = { doing: "survey", found: 0 } } = input(ctx, contract.retireAuthority);
  const goOn = (rest: Progress): End => {
    continueAsNew(ctx, contract.retireAuthority, { rollId, progress: rest });
    return { outcome: "in-group" };
  };

  if (progress.doing === "survey") {
    const late = yield* tally(ctx, surveyRegistrations, rollId, progress);
    if (late.cursor !== undefined) return goOn({ ...late, doing: "survey" });
    if (late.found > 0) return { outcome: "in-group", code: "late-registrations", late: late.found };
    const { outcome, code } = yield* call(ctx, dropAuthority, { rollId });
    if (outcome === "refused") return { outcome: "in-group", ...coded(code) };
  }
  const leaning = yield* tally(ctx, countLeaning, rollId, progress.doing === "count" ? progress : { found: 0 });
  if (leaning.cursor !== undefined) return goOn({ ...leaning, doing: "count" });
  const { outcome, code } = yield* call(ctx, deleteAuthority, { rollId, leaning: leaning.found });
  return { outcome: outcome === "kept" ? "out-of-group" : "retired", ...coded(code) };
}

/** Sums up pages; a cursor is left where one execution has read enough. */
function* tally(
  ctx: OrchestrationContext,
  list: typeof surveyRegistrations,
  rollId: string,
  { found, cursor }: Omit<Progress, "doing">,
): Orchestration<Omit<Progress, "doing">> {
  for (let page = 0; page < PAGES; page += 1) {
    const read = yield* call(ctx, list, { rollId, ...(cursor === undefined ? {} : { cursor }) });
    found += read.found;
    cursor = read.next;
    if (cursor === undefined) return { found };
  }
  return { found, cursor };
}

function coded(code: string | undefined): Pick<End, "code"> {
  return code === undefined ? {} : { code };
}
