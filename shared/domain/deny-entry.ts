import { z } from "zod";
import { RollId } from "./ids";
import { Instant } from "./instant";
import { problem, type Problem } from "./outcome";

/**
 * An entry of DPS that a roll made to keep something out. `pin`: an enabled individual enrollment with a device's new leaf.
 * `deny`: a disabled one. `deny-group`: a disabled group that holds a compromised CA. `closed-group`: a group of the fleet
 * that stays disabled because it is what keeps a compromised CA's leaves out.
 */
export const DenyKind = z.enum(["pin", "deny", "deny-group", "closed-group"]);
export type DenyKind = z.infer<typeof DenyKind>;

const Person = z.string().min(1).max(200);

/** Who put it there, why, and when it is no longer needed. */
export const DenyEntry = z.object({
  kind: DenyKind,
  /** The registration id or group id that the entry stands under. */
  target: z.string().min(1).max(128),
  rollId: RollId,
  /** The person behind the roll, or its source. */
  owner: Person,
  reason: z.string().max(1_000),
  createdAt: Instant,
  /** When what it keeps out has run out: the old leaf's notAfter, or its CA's. Absent: nobody knows, so a person decides. */
  removeAfter: Instant.optional(),
  /** Taken away again; the row stays for the record. */
  lifted: z.object({ by: Person, at: Instant, reason: z.string().max(1_000), early: z.boolean() }).optional(),
});
export type DenyEntry = z.infer<typeof DenyEntry>;

/** `enrollment` and `group` ids are names of their own at DPS. */
export function denyId({ kind, target }: Pick<DenyEntry, "kind" | "target">): string {
  return `${kind === "pin" || kind === "deny" ? "enrollment" : "group"}|${target}`;
}

/**
 * The row as it stands after a roll made, or took over, an entry. A later roll's reason stands, the later date of both: what
 * the earlier one kept out has not run out.
 */
export function noted(earlier: DenyEntry | undefined, entry: DenyEntry): DenyEntry {
  if (earlier === undefined || earlier.lifted !== undefined) return entry;
  if (earlier.removeAfter === undefined || entry.removeAfter === undefined) {
    const { removeAfter: _date, ...rest } = entry;
    return { ...rest, createdAt: earlier.createdAt };
  }
  const later = Math.max(earlier.removeAfter, entry.removeAfter);
  return { ...entry, createdAt: earlier.createdAt, removeAfter: Instant.parse(later) };
}

/** Somebody wants the entry gone. */
export interface Lift {
  readonly by: string;
  readonly at: Instant;
  readonly reason: string;
  /** An approver takes the risk that what it keeps out still works. */
  readonly override: boolean;
}

/** Decides it. Problems: `deny-entry-lifted`, `deny-entry-in-force`. */
export function decideLift(entry: DenyEntry, lift: Lift): DenyEntry | Problem {
  const { removeAfter, lifted } = entry;
  if (lifted !== undefined)
    return problem(409, "deny-entry-lifted", `"${lifted.by}" has lifted it already: ${lifted.reason}`);
  const early = removeAfter === undefined || lift.at < removeAfter;
  if (early && !lift.override)
    return problem(
      409,
      "deny-entry-in-force",
      "what it keeps out may still be valid; wait for its date, or let an approver lift it with override and a reason",
    );
  return { ...entry, lifted: { by: lift.by, at: lift.at, reason: lift.reason, early } };
}
