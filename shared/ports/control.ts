import type { RollId } from "../domain/ids";
import type { ControlDecision, ControlJournalEntry, RollControl } from "../domain/roll/control";

/**
 * Control rows: what operators want of a roll, and the journal of what they said. Throws `RollError`
 * (`service-unavailable`) when the storage does not answer, or when other writes came first too often.
 */
export interface ControlStore {
  /** Writes the first control row unless there is one; true if this call wrote it. */
  create(control: RollControl): Promise<boolean>;
  get(rollId: RollId): Promise<RollControl | undefined>;
  /**
   * Reads, decides, and writes row and journal entry in one transaction, guarded by the version that was read; a lost race
   * is decided again. `decide` may run more than once. Undefined if there is no control row.
   */
  change(rollId: RollId, decide: (current: RollControl) => ControlDecision): Promise<ControlDecision | undefined>;
  /** Every change, oldest first. */
  readJournal(rollId: RollId): Promise<readonly ControlJournalEntry[]>;
}
