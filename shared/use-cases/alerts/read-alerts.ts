import { formatInstant } from "../../domain/instant";
import { problem, type Problem } from "../../domain/outcome";
import type { AlertLog } from "../../ports/alert-log";

/** A page of what came in, newest first. Problems: `invalid-limit`, `invalid-cursor`. */
export function createReadAlerts({
  alertLog,
}: {
  readonly alertLog: AlertLog;
}): (page: { readonly limit: string | null; readonly after: string | null }) => Promise<Problem | object> {
  return async ({ limit, after }) => {
    const most = limit === null ? 50 : /^\d{1,3}$/.test(limit) ? Number(limit) : 0;
    if (most < 1 || most > 100) return problem(400, "invalid-limit", "limit must be a whole number from 1 to 100");
    if (after !== null && !/^[0-9a-f-]{1,40}$/.test(after))
      return problem(400, "invalid-cursor", "after must be the `next` of an earlier page");
    const { records, next } = await alertLog.list({ limit: most, ...(after === null ? {} : { after }) });
    return {
      alerts: records.map(({ at, ...record }) => ({ at: formatInstant(at), ...record })),
      ...(next === undefined ? {} : { next }),
    };
  };
}
