import type { RollId } from "../../shared/domain/ids";
import { ControlJournalEntry, RollControl } from "../../shared/domain/roll/control";
import type { ControlDecision } from "../../shared/domain/roll/control";
import { RollError } from "../../shared/domain/roll-error";
import type { ControlStore } from "../../shared/ports/control";

/** Control rows without a storage account; passes the same contract suite as the real one. */
export class MemoryControlStore implements ControlStore {
  /** As text: what a table would lose is lost here, and nobody can change a row by holding on to it. */
  private readonly rows = new Map<RollId, { control: string; journal: string[] }>();

  async create(control: RollControl): Promise<boolean> {
    await Promise.resolve();
    if (this.rows.has(control.rollId)) return false;
    this.rows.set(control.rollId, { control: written(RollControl.safeParse(control)), journal: [] });
    return true;
  }

  async get(rollId: RollId): Promise<RollControl | undefined> {
    await Promise.resolve();
    const row = this.rows.get(rollId);
    return row === undefined ? undefined : RollControl.parse(JSON.parse(row.control));
  }

  async change(
    rollId: RollId,
    decide: (current: RollControl) => ControlDecision,
  ): Promise<ControlDecision | undefined> {
    for (;;) {
      const row = this.rows.get(rollId);
      if (row === undefined) return undefined;
      const read = row.control;
      const decision = decide(RollControl.parse(JSON.parse(read)));
      if (decision.outcome !== "changed") return decision;
      const [control, entry] = [
        written(RollControl.safeParse(decision.control)),
        written(ControlJournalEntry.safeParse(decision.entry)),
      ];
      await Promise.resolve();
      if (row.control !== read) continue;
      row.control = control;
      row.journal.push(entry);
      return decision;
    }
  }

  async readJournal(rollId: RollId): Promise<readonly ControlJournalEntry[]> {
    await Promise.resolve();
    return (this.rows.get(rollId)?.journal ?? []).map((text) => ControlJournalEntry.parse(JSON.parse(text)));
  }
}

function written(parsed: { success: true; data: object } | { success: false; error: Error }): string {
  if (parsed.success) return JSON.stringify(parsed.data);
  throw new RollError("store-corrupt", `is not written: ${parsed.error.message}`, false);
}
