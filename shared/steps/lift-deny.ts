import type { liftDeny } from "../contract/deny-entries";
import { decideLift, denyId, type DenyEntry, type Lift } from "../domain/deny-entry";
import { EnrollmentGroupId, RegistrationId } from "../domain/ids";
import { isProblem, problem, type Problem } from "../domain/outcome";
import type { Clock } from "../ports/clock";
import type { DenyLedger } from "../ports/deny-ledger";
import type { DueRows } from "../ports/due-rows";
import type { EnrollmentGroups } from "../ports/enrollment-groups";
import type { Enrollments } from "../ports/enrollments";
import type { EntryDeletion } from "../ports/entries";
import { journalled, type JournalDeps } from "./journalled";
import type { Step } from "./step";

export interface LiftDenyDeps extends JournalDeps {
  readonly clock: Clock;
  readonly denyLedger: DenyLedger;
  readonly enrollments: Enrollments;
  readonly groups: EnrollmentGroups;
}

const PASSES = 5;

/**
 * Takes an entry away from DPS, then from the ledger's list of those that stand: whoever is cut off in between finds it gone
 * and only has to write it down. Undefined: the ledger has no such entry. Problems: those of `decideLift`, `refused-by-dps`,
 * `contended`.
 */
export async function liftEntry(deps: LiftDenyDeps, id: string, lift: Lift): Promise<DenyEntry | Problem | undefined> {
  const entry = await deps.denyLedger.find(id);
  if (entry === undefined) return undefined;
  const decided = decideLift(entry, lift);
  if (isProblem(decided)) return decided;
  const removed = await remove(deps, entry);
  if (removed !== undefined) return removed;
  return deps.denyLedger.change<DenyEntry | Problem>(id, (current) => {
    const next = decideLift(current, lift);
    return isProblem(next) ? { answer: next } : { next, answer: next };
  });
}

/** Deletes what stands there now, guarded by its version; nothing to do where it is gone. */
async function remove(deps: LiftDenyDeps, entry: DenyEntry): Promise<Problem | undefined> {
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const found = await find(deps, entry);
    if (found === undefined) return undefined;
    const write = { step: "lift-deny", target: denyId(entry).replace("|", " "), action: "delete", guard: found.etag };
    const result = await journalled(deps, entry.rollId, write, found.delete);
    switch (result.outcome) {
      case "deleted":
      case "missing":
        return undefined;
      case "precondition-failed":
        continue;
      case "refused":
        return problem(409, "refused-by-dps", `DPS does not delete it: ${result.detail}`);
      default:
        result satisfies never;
    }
  }
  return problem(409, "contended", "others write the entry all the time; try again");
}

async function find(
  { enrollments, groups }: LiftDenyDeps,
  { kind, target }: DenyEntry,
): Promise<{ readonly etag: string; readonly delete: () => Promise<EntryDeletion> } | undefined> {
  if (kind === "pin" || kind === "deny") {
    const reading = await enrollments.get(RegistrationId.parse(target));
    if (reading.outcome === "missing") return undefined;
    const { enrollment } = reading;
    return { etag: enrollment.etag, delete: () => enrollments.delete(enrollment) };
  }
  const reading = await groups.get(EnrollmentGroupId.parse(target));
  if (reading.outcome === "missing") return undefined;
  const { group } = reading;
  return { etag: group.etag, delete: () => groups.delete(group) };
}

/** The date has come: the entry goes, or is noted anew where a later roll wants it for longer. */
export function createLiftDeny(deps: LiftDenyDeps & { readonly due: DueRows }): Step<typeof liftDeny> {
  return async ({ key }) => {
    const row = await deps.due.find(key);
    if (row?.subject === undefined) return { outcome: "nothing" };
    const lift: Lift = { by: "rollcall", at: deps.clock.now(), reason: row.reason, override: false };
    const lifted = await liftEntry(deps, row.subject, lift);
    const waits = lifted !== undefined && isProblem(lifted) && lifted.code === "deny-entry-in-force";
    const dueAt = waits ? (await deps.denyLedger.find(row.subject))?.removeAfter : undefined;
    if (dueAt === undefined) await deps.due.settle(key);
    else await deps.due.note({ ...row, dueAt });
    return { outcome: lifted === undefined || isProblem(lifted) ? "nothing" : "lifted" };
  };
}
