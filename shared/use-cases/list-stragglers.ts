import { StragglersQuery } from "../contract/operator-queries";
import { formatInstant } from "../domain/instant";
import { isProblem, type Problem } from "../domain/outcome";
import type { BatchSummary } from "../domain/roll/batch-summary";
import type { DeviceRow } from "../domain/roll/device-row";
import { DONE, isStraggler, nextStep } from "../domain/roll/next-step";
import { pageOfBatches } from "./page-of-batches";
import { readQuery, type Query } from "./query";
import { toDeviceView, type ReadRollsDeps } from "./read-rolls";
import { findWholeRoll } from "./find-roll";

/** Batches per answer: at most 4,500 devices. */
const BATCHES = 50;

const HEADINGS = ["registrationId", "deviceId", "hub", "state", "attempts", "triedAgainAt", "detail", "whatToDo"];

/**
 * Devices of a roll that still need something, as CSV (RFC 4180) with a line of headings. `next`: where the next page
 * begins. Problems: `unknown-roll`, `roll-purged`, `invalid-query`.
 */
export function createListStragglers(
  deps: ReadRollsDeps,
): (rollId: string, query: Query) => Promise<{ readonly csv: string; readonly next?: string } | Problem> {
  return async (id, asked) => {
    const roll = await findWholeRoll(deps.rolls, id);
    if (isProblem(roll)) return roll;
    const query = readQuery(StragglersQuery, asked);
    if (isProblem(query)) return query;
    const from = Number(query.value.after ?? 0);
    const { rows, next } = await pageOfBatches(roll, from, BATCHES, deps, hasStragglers);
    const lines = [HEADINGS, ...rows.filter(isStraggler).map(cells)].map((line) => line.map(cell).join(","));
    return { csv: `${lines.join("\r\n")}\r\n`, ...(next === undefined ? {} : { next: String(next) }) };
  };
}

function hasStragglers({ counts, residual = 0 }: BatchSummary): boolean {
  if (residual > 0) return true;
  return Object.entries(counts).some(([state, devices]) => devices > 0 && !DONE.some((done) => done === state));
}

function cells(row: DeviceRow): string[] {
  const { deviceId = "", detail = "", state } = toDeviceView(row);
  const again = row.tryAgainAt === undefined ? "" : formatInstant(row.tryAgainAt);
  const hub = row.assignedHub ?? "";
  return [row.registrationId, deviceId, hub, state, String(row.attempts), again, detail, nextStep(row)];
}

/** Spreadsheets take what begins with these for a formula, and details quote what services and devices say. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
