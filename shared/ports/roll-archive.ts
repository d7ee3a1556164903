import type { RollId } from "../domain/ids";
import type { PurgeBefore } from "../domain/roll/retention";

/**
 * Takes away what finished rolls have left in the store. Each call deletes some thousand rows and blobs at most, and answers
 * whether that was all; what is gone already is no error. Throws `RollError` (`service-unavailable`) when the storage does not
 * answer.
 */
export interface RollArchive {
  /** Devices' rows, targets, plan, journals, commands; header and report stay. */
  deleteDetails(rollId: RollId): Promise<boolean>;
  /** The report, and last of all the header. The claim of the roll's start stays, so that its alert starts nothing again. */
  deleteReport(rollId: RollId): Promise<boolean>;
}

/** Starts the one orchestration that purges. */
export interface PurgeStarter {
  start(before: PurgeBefore): Promise<"started" | "running">;
}
