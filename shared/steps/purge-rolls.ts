import type { purgeRolls } from "../contract/purge";
import type { RollId } from "../domain/ids";
import { outlived } from "../domain/roll/retention";
import type { Roll } from "../domain/roll/roll";
import type { Clock } from "../ports/clock";
import type { DueRows } from "../ports/due-rows";
import type { RollArchive } from "../ports/roll-archive";
import type { RollStore } from "../ports/stores";
import { allDue } from "./all-due";
import type { Step } from "./step";

export interface PurgeRollsDeps {
  readonly clock: Clock;
  readonly rolls: RollStore;
  readonly due: Pick<DueRows, "list">;
  readonly archive: RollArchive;
}

/** Rolls looked at in one piece. */
const ROLLS = 100;

/**
 * One piece of a purge. A roll says that its details go before the first of them does, so that whoever asks for them is told
 * so. A roll that has more than one piece can take is met again by the next.
 */
export function createPurgeRolls(deps: PurgeRollsDeps): Step<typeof purgeRolls> {
  return async ({ after, ...before }) => {
    const page = await deps.rolls.list({ limit: ROLLS, ...(after === undefined ? {} : { after }) });
    const open = new Set((await deps.rolls.listOpen()).map(({ rollId }) => rollId));
    const awaited = await awaitedRolls(deps);
    let last = after;
    let purged = 0;
    for (const roll of page) {
      const { rollId } = roll;
      const goes = outlived(roll, before, { isOpen: open.has(rollId), isAwaited: awaited.has(rollId) });
      if (goes !== "nothing") {
        if (!(await purge(deps, roll, goes))) return { next: resumed(last), purged };
        purged += 1;
      }
      last = rollId;
    }
    return page.length < ROLLS ? { purged } : { next: resumed(last), purged };
  };
}

function resumed(after: RollId | undefined): { after?: RollId } {
  return after === undefined ? {} : { after };
}

/** True: it is done. */
async function purge(
  { archive, rolls, clock }: PurgeRollsDeps,
  { rollId, purged }: Roll,
  goes: "details" | "everything",
): Promise<boolean> {
  if (purged?.done !== true) {
    const at = purged?.at ?? clock.now();
    if (purged === undefined) await rolls.update(rollId, (roll) => ({ ...roll, purged: { at, done: false } }));
    if (!(await archive.deleteDetails(rollId))) return false;
    if (goes === "details") await rolls.update(rollId, (roll) => ({ ...roll, purged: { at, done: true } }));
  }
  return goes === "details" || archive.deleteReport(rollId);
}

/** Rolls whose rows later work reads; what lifts a deny entry has all it needs in the ledger. */
async function awaitedRolls({ due }: PurgeRollsDeps): Promise<ReadonlySet<RollId>> {
  const rows = await allDue(due);
  return new Set(rows.filter(({ kind }) => kind !== "lift-deny").map(({ rollId }) => rollId));
}
