import type { RollsQuery } from "../contract/operator-queries";
import { RollId } from "../domain/ids";
import { formatInstant, parseInstant, type Instant } from "../domain/instant";
import type { Roll } from "../domain/roll/roll";
import type { RollStore } from "../ports/stores";

const DEFAULT_PAGE = 20;
/** Rolls read from the store at a time, and how often per answer: rare ones are looked for over several pages. */
const CHUNK = 100;
const CHUNKS = 10;

/** Rolls that fit, newest first. `next`: where to go on; there may be more, and nobody has looked yet. */
export async function searchRolls(
  rolls: Pick<RollStore, "list">,
  { limit, after, since, until, ...wanted }: RollsQuery,
): Promise<{ readonly found: readonly Roll[]; readonly next?: RollId }> {
  const size = limit === undefined ? DEFAULT_PAGE : Number(limit);
  const [from, to] = [moment(since), moment(until)];
  const fits = (roll: Roll): boolean =>
    (to === undefined || roll.requestedAt <= to) &&
    (["playbook", "phase", "outcome"] as const).every((of) => wanted[of] === undefined || roll[of] === wanted[of]);
  const selective = Object.values(wanted).some((value) => value !== undefined);
  const found: Roll[] = [];
  let at = latest(after, to);
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
    const asked = selective ? CHUNK : size - found.length;
    const page = await rolls.list({ limit: asked, ...(at === undefined ? {} : { after: at }) });
    for (const roll of page) {
      if (from !== undefined && roll.requestedAt < from) return { found };
      at = roll.rollId;
      if (fits(roll)) found.push(roll);
      if (found.length === size) return page.length < asked && roll === page.at(-1) ? { found } : { found, next: at };
    }
    if (page.length < asked) return { found };
  }
  return { found, ...(at === undefined ? {} : { next: at }) };
}

function moment(text: string | undefined): Instant | undefined {
  return text === undefined ? undefined : parseInstant(text);
}

/** Ids sort by the time of the request: the list can begin at any moment. */
function latest(after: RollId | undefined, until: Instant | undefined): RollId | undefined {
  if (until === undefined) return after;
  // Of rolls of this very millisecond none sorts before it but one of that very hash.
  const edge = RollId.parse(`${formatInstant(until).replace(/[-:.]/g, "")}-00000000`);
  return after !== undefined && after < edge ? after : edge;
}
