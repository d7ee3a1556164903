import type { DueList } from "../contract/operator-api";
import { formatInstant } from "../domain/instant";
import { problem, type Problem } from "../domain/outcome";
import type { DueRows } from "../ports/due-rows";

const DEFAULT_PAGE = 50;
const LONGEST_PAGE = 1_000;

/** Everything that is due some day, in the order of its keys. Problems: `invalid-limit`, `invalid-cursor`. */
export function createReadDue({
  due,
}: {
  readonly due: DueRows;
}): (query: { readonly limit: string | null; readonly after: string | null }) => Promise<DueList | Problem> {
  return async ({ limit, after }) => {
    const size = limit === null ? DEFAULT_PAGE : Number(limit);
    if (!Number.isInteger(size) || size < 1 || size > LONGEST_PAGE)
      return problem(400, "invalid-limit", `limit must be a whole number from 1 to ${LONGEST_PAGE}`);
    if (after !== null && after.length > 200)
      return problem(400, "invalid-cursor", "after must be the `next` of an earlier page");
    const rows = await due.list({ limit: size, ...(after === null ? {} : { after }) });
    const last = rows.at(-1);
    return {
      due: rows.map(({ dueAt, notedAt, ...row }) => ({
        ...row,
        dueAt: formatInstant(dueAt),
        notedAt: formatInstant(notedAt),
      })),
      ...(rows.length === size && last !== undefined ? { next: last.key } : {}),
    };
  };
}
