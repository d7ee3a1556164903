import type { DueKind, DueRow } from "../domain/due";
import { RollError } from "../domain/roll-error";
import type { Clock, Entropy } from "../ports/clock";
import type { DueRows } from "../ports/due-rows";

export interface RunDueDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly due: DueRows;
}

/** Starts the orchestration of a kind of due work, or does nothing where that instance runs already. */
export interface DueStarter {
  start(kind: DueKind, instanceId: string, row: DueRow): Promise<void>;
}

/** Pieces of work started per look of the timer: the next look takes the rest. */
const AT_ONCE = 50;

/**
 * Starts what is due. The instance is named by key and time, so that two looks at once start it once; the row goes only
 * when the work is done, so that work that was cut off is started again. One that cannot be started delays no other; its error is
 * thrown at the end.
 */
export function createRunDue({ clock, entropy, due }: RunDueDeps): (starter: DueStarter) => Promise<readonly DueRow[]> {
  return async (starter) => {
    const rows = await due.due(clock.now(), AT_ONCE);
    const failures: RollError[] = [];
    for (const row of rows) {
      const instanceId = `due-${entropy.sha256(`${row.key}|${row.dueAt}`).slice(0, 24).toLowerCase()}`;
      try {
        await starter.start(row.kind, instanceId, row);
      } catch (error) {
        if (!(error instanceof RollError)) throw error;
        failures.push(error);
      }
    }
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    return rows;
  };
}
