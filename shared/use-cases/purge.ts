import { PurgeBody } from "../contract/purge";
import { parseInstant } from "../domain/instant";
import { isProblem, problem, type Problem } from "../domain/outcome";
import { purgeBefore, type Retention } from "../domain/roll/retention";
import type { Clock } from "../ports/clock";
import type { PurgeStarter } from "../ports/roll-archive";
import { readJsonBody } from "./json-body";

const MAX_BYTES = 4 * 1024;

export interface Purge {
  /** What the settings let go by now; undefined: they keep everything. */
  bySchedule(starter: PurgeStarter): Promise<"started" | "running" | undefined>;
  /** What a person says. Problems: `payload-too-large`, `malformed-json`, `invalid-purge`. */
  byOrder(body: Uint8Array, starter: PurgeStarter): Promise<{ readonly purge: "started" | "running" } | Problem>;
}

/** Begins to take away what finished rolls have left behind, unless that is under way. */
export function createPurge({ clock, retention }: { readonly clock: Clock; readonly retention: Retention }): Purge {
  return {
    bySchedule: async (starter) => {
      const before = purgeBefore(retention, clock.now());
      return Object.keys(before).length === 0 ? undefined : starter.start(before);
    },
    byOrder: async (body, starter) => {
      const read = readJsonBody(body, MAX_BYTES, PurgeBody, "invalid-purge");
      if (isProblem(read)) return read;
      const before = parseInstant(read.value.before);
      if (before === undefined || before > clock.now())
        return problem(400, "invalid-purge", "`before` has to be past: what is not over cannot be purged");
      const reports = read.value.reports === true ? { reportsBefore: before } : {};
      return { purge: await starter.start({ detailsBefore: before, ...reports }) };
    },
  };
}
