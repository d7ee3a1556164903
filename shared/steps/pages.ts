import type { EnrollmentGroup, EnrollmentGroups } from "../ports/enrollment-groups";
import type { Page } from "../ports/page";

/** Everything that a service lists, page after page, read as it is asked for. */
export async function* every<T>(list: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T, void> {
  for (let cursor: string | undefined; ;) {
    const page = await list(cursor);
    yield* page.items;
    cursor = page.next;
    if (cursor === undefined) return;
  }
}

/** All groups: DPS holds a hundred at most, so that they fit into memory. */
export async function allGroups(groups: Pick<EnrollmentGroups, "list">): Promise<EnrollmentGroup[]> {
  const all: EnrollmentGroup[] = [];
  for await (const group of every((cursor) => groups.list(cursor))) all.push(group);
  return all;
}
