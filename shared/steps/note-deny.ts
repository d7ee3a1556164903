import { denyId, type DenyEntry } from "../domain/deny-entry";
import { dueKey } from "../domain/due";
import type { Clock } from "../ports/clock";
import type { DenyLedger } from "../ports/deny-ledger";
import type { DueRows } from "../ports/due-rows";

export interface NoteDenyDeps {
  readonly clock: Clock;
  readonly denyLedger: DenyLedger;
  readonly due: DueRows;
}

/** Puts an entry on record before it is made: who wants it and why, and when it may go again. */
export async function noteDeny({ denyLedger, due, clock }: NoteDenyDeps, entry: DenyEntry): Promise<void> {
  await denyLedger.note(entry);
  const { rollId, removeAfter, target } = entry;
  if (removeAfter === undefined) return;
  const id = denyId(entry);
  const reason = `what ${target} keeps out has run out by then`;
  const key = dueKey("lift-deny", rollId, id);
  await due.note({ key, kind: "lift-deny", dueAt: removeAfter, rollId, subject: id, reason, notedAt: clock.now() });
}
