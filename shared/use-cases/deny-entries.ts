import { LiftBody, type DenyEntryView } from "../contract/deny-entries";
import { denyId, type DenyEntry } from "../domain/deny-entry";
import { formatInstant } from "../domain/instant";
import { isProblem, problem, type Problem } from "../domain/outcome";
import { liftEntry, type LiftDenyDeps } from "../steps/lift-deny";
import { readJsonBody } from "./json-body";

const PAGE = 100;
const MAX_BYTES = 16 * 1024;

/** What an operator asks of one entry; `kind` and `target` as they stand in the address. */
export interface LiftOrder {
  readonly kind: string;
  readonly target: string;
  readonly body: Uint8Array;
  /** Who may lift before the date: answers the person's name, or why not. Asked only if the order says `override`. */
  readonly person: (override: boolean) => Promise<string | Problem>;
}

/** What rolls put into DPS to keep something out: operators list it, see why it is there, and take it away. */
export interface DenyEntries {
  /** At most a hundred, in the order of ids. Problem: `invalid-cursor`. */
  list(after: string | null): Promise<{ readonly entries: readonly DenyEntryView[]; readonly next?: string } | Problem>;
  /**
   * Problems: `unknown-deny-entry`, `invalid-lift`, `deny-entry-in-force`, `deny-entry-lifted`, `refused-by-dps`,
   * `contended`, and those of the person.
   */
  lift(order: LiftOrder): Promise<DenyEntryView | Problem>;
}

export function createDenyEntries(deps: LiftDenyDeps): DenyEntries {
  return {
    list: async (after) => {
      if (after !== null && !/^(enrollment|group)\|[a-z0-9._:-]{1,128}$/.test(after))
        return problem(400, "invalid-cursor", "`after` must be the `next` of the page before");
      const rows = await deps.denyLedger.list({ limit: PAGE, ...(after === null ? {} : { after }) });
      const last = rows.length < PAGE ? undefined : rows.at(-1);
      return { entries: rows.map(toView), ...(last === undefined ? {} : { next: denyId(last) }) };
    },
    lift: async ({ kind, target, body, person }) => {
      const read = readJsonBody(body, MAX_BYTES, LiftBody, "invalid-lift");
      if (isProblem(read)) return read;
      const { reason, override = false } = read.value;
      const by = await person(override);
      if (typeof by !== "string") return by;
      const id = `${kind}|${target.toLowerCase()}`;
      const lifted = await liftEntry(deps, id, { by, at: deps.clock.now(), reason, override });
      if (lifted === undefined)
        return problem(404, "unknown-deny-entry", "there is no such entry; GET /api/deny-entries lists them");
      return isProblem(lifted) ? lifted : toView(lifted);
    },
  };
}

const EXPLANATIONS: Readonly<Record<DenyEntry["kind"], string>> = {
  pin: "the device comes in by its new leaf alone, because its old one was compromised while its group's CA is in use",
  deny: "the device does not come in at all, because its leaf was compromised while its group's CA is in use",
  "deny-group": "leaves of a compromised CA do not come in through the group above it",
  "closed-group":
    "leaves of a compromised CA do not come in through a group above this one, which stays disabled for it",
};

function toView(entry: DenyEntry): DenyEntryView {
  const { kind, target, rollId, owner, reason, createdAt, removeAfter, lifted } = entry;
  return {
    id: denyId(entry),
    kind,
    target,
    rollId,
    owner,
    reason,
    createdAt: formatInstant(createdAt),
    ...(removeAfter === undefined ? {} : { removeAfter: formatInstant(removeAfter) }),
    explanation: EXPLANATIONS[kind],
    ...(lifted === undefined ? {} : { lifted: { ...lifted, at: formatInstant(lifted.at) } }),
  };
}
