import type { DueRow } from "../domain/due";
import type { DueRows } from "../ports/due-rows";

const PAGE = 1_000;

/** Every due row, whenever it is due. */
export async function allDue(due: Pick<DueRows, "list">): Promise<readonly DueRow[]> {
  const all: DueRow[] = [];
  for (;;) {
    const last = all.at(-1)?.key;
    const page = await due.list({ limit: PAGE, ...(last === undefined ? {} : { after: last }) });
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}
