import { FACT_PARTITIONS, type DeviceFacts } from "../domain/device-facts";
import { isDeleted } from "../domain/hub/hub-word";
import { formatInstant, parseInstant, type Instant } from "../domain/instant";
import { isProblem, problem, type Problem } from "../domain/outcome";
import type { SourceCounters } from "../ports/source-counters";
import type { FactList } from "../ports/stores";
import { badCursor, readLimit } from "./expiry/read-expiry";

export interface ReadHeardDeps {
  readonly factList: FactList;
  readonly counters: SourceCounters;
}

export interface ReadHeard {
  /**
   * Devices that were heard once and not since `before`, by partition and id; a page may be short and still have a `next`.
   * Problems: `invalid-limit`, `invalid-cursor`, `invalid-moment`.
   */
  late(o: {
    readonly before: string | null;
    readonly limit: string | null;
    readonly after: string | null;
  }): Promise<Problem | object>;
  /** What became of the events of each source. */
  sources(): Promise<object>;
}

/** Rows looked through per request: a silent fleet is found page by page, a lively one must not be read whole at once. */
const LOOKS = 5_000;
const ROWS = 1_000;

export function createReadHeard({ factList, counters }: ReadHeardDeps): ReadHeard {
  return {
    late: async ({ before, limit, after }) => {
      const most = readLimit(limit);
      if (isProblem(most)) return most;
      const moment = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(before ?? "")
        ? parseInstant(before ?? "")
        : undefined;
      if (moment === undefined)
        return problem(
          400,
          "invalid-moment",
          "after must be a moment, such as 2026-01-01T00:00:00Z: late is who was not heard since",
        );
      const place = readCursor(after);
      if (place === undefined) return badCursor();

      const devices: object[] = [];
      let { partition, id } = place;
      for (let looked = 0; looked < LOOKS && partition < FACT_PARTITIONS; looked += ROWS) {
        const page = await factList.page(partition, { limit: ROWS, ...(id === "" ? {} : { after: id }) });
        for (const facts of page) {
          ({ deviceId: id } = facts);
          const heardAt = facts.lastSeen?.enqueuedAt;
          if (heardAt !== undefined && heardAt < moment && !isGone(facts, heardAt))
            devices.push({ deviceId: id, lastSeen: formatInstant(heardAt) });
          if (devices.length === most.value) return { devices, next: writeCursor(partition, id) };
        }
        if (page.length < ROWS) ({ partition, id } = { partition: partition + 1, id: "" });
      }
      return partition < FACT_PARTITIONS ? { devices, next: writeCursor(partition, id) } : { devices };
    },
    sources: async () => ({
      sources: (await counters.list()).map(({ since, until, ...counts }) => ({
        ...counts,
        since: formatInstant(since),
        until: formatInstant(until),
      })),
    }),
  };
}

/** Deleted on purpose since: it will not be heard again. */
function isGone({ hubs = {} }: DeviceFacts, heardAt: Instant): boolean {
  const words = Object.values(hubs);
  const deleted = words.filter((word) => isDeleted(word) && (word.deleted ?? 0) >= heardAt);
  return deleted.length > 0 && !words.some(({ created }) => created !== undefined && created > heardAt);
}

function writeCursor(partition: number, id: string): string {
  return Buffer.from(JSON.stringify([partition, id])).toString("base64url");
}

function readCursor(cursor: string | null): { partition: number; id: string } | undefined {
  if (cursor === null) return { partition: 0, id: "" };
  try {
    const [partition, id, ...rest] = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as unknown[];
    const fits =
      rest.length === 0 &&
      typeof partition === "number" &&
      Number.isInteger(partition) &&
      partition >= 0 &&
      partition < FACT_PARTITIONS &&
      typeof id === "string" &&
      id.length <= 128;
    return fits ? { partition, id } : undefined;
  } catch {
    return undefined;
  }
}
