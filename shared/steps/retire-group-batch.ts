import type { PaceWait, Ticket } from "../contract/pacing";
import { isExactly } from "../domain/proof/judge";
import type { RollId } from "../domain/ids";
import { setAside } from "../domain/roll/attempts";
import type { JournalLine } from "../domain/roll/batch";
import { withWarning, type DeviceRow } from "../domain/roll/device-row";
import type { RollRequest } from "../domain/roll/request";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs } from "../ports/hubs";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { readEverywhere } from "./change-evidence";
import type { PacerDeps } from "./pacer";
import { admitRetiring } from "./retire-pace";
import { addressee, tell, toldLine } from "./send-methods";
import { mapSideBySide } from "./side-by-side";

export interface RetireGroupBatchDeps extends BatchWorkDeps, PacerDeps {
  readonly clock: BatchWorkDeps["clock"];
  readonly enrollments: Enrollments;
  readonly hubs: Hubs;
}

/** How often `commit` is sent before the device counts as done without its word. */
const COMMITS = 3;

interface Counts {
  readonly retired: number;
  readonly kept: number;
  readonly open: number;
  readonly regressed: number;
  readonly wait?: PaceWait;
}

/**
 * Devices of a group have no slots of their own: what retires is the old key in the device. Every linked hub is read again;
 * a device whose identity holds anything but the proven leaf has gone back, and keeps its way back. The others are told to
 * drop their old keys, so that none of them can go back when the old CA has left the group.
 */
export async function retireGroupBatch(
  deps: RetireGroupBatchDeps,
  { ticket, ...at }: { readonly rollId: RollId; readonly batch: number; readonly ticket: Ticket | undefined },
  request: RollRequest,
): Promise<Counts> {
  const { rows } = await deps.batches.read(at.rollId, at.batch);
  const due = rows.filter(isDue);
  if (due.length === 0) return count(rows);
  const admission = await admitRetiring(deps, due, 0, ticket);
  if (admission.outcome === "wait") return { ...count(rows), wait: admission.wait };
  const work = await BatchWork.open(deps, "retire-batch", at);
  const lines: JournalLine[] = [];
  const standing: DeviceRow[] = [];
  await mapSideBySide(work.rows.filter(isDue), async (row) => {
    const { deviceId, planned, registrationId } = row;
    const identities = deviceId === undefined ? undefined : await readEverywhere(deps.hubs, deviceId);
    if (identities === undefined || planned === undefined) return;
    if ([...identities.values()].some((one) => one !== undefined && isExactly(one, planned.sha256Thumbprint))) {
      standing.push(row);
      return;
    }
    const now = deps.clock.now();
    const { proof: _proof, ...unproven } = row;
    work.set(setAside(unproven, { regressed: { since: now, detail: WENT_BACK } }, row.attempts, request.timing, now));
    lines.push({ registrationId, target: "all", action: "retire", result: "regressed" });
  });
  await commit(deps, work, at.rollId, standing, lines);
  await work.settle(lines);
  return count(work.rows);
}

/** Proven, and not told yet for good. A row without a leaf on record has nothing to be held against. */
function isDue({ skipped, proof, planned, retiredAt }: DeviceRow): boolean {
  return skipped === undefined && proof !== undefined && planned !== undefined && retiredAt === undefined;
}

function count(rows: readonly DeviceRow[]): Counts {
  return {
    retired: rows.filter(({ retiredAt }) => retiredAt !== undefined).length,
    kept: 0,
    open: rows.filter(isDue).length,
    regressed: rows.filter((row) => row.regressed !== undefined && row.skipped === undefined).length,
  };
}

async function commit(
  deps: RetireGroupBatchDeps,
  work: BatchWork,
  rollId: RollId,
  standing: readonly DeviceRow[],
  lines: JournalLine[],
): Promise<void> {
  const told = standing.map((row) => {
    const asked = { ...row, commit: { tries: (row.commit?.tries ?? 0) + 1 } };
    work.set(asked);
    return asked;
  });
  await work.intend(
    told.map(({ registrationId }) => ({ registrationId, target: "all", action: "retire", after: "commit" })),
  );
  await mapSideBySide(told, async (row) => {
    const device = await addressee(deps, row);
    const answer = device === undefined ? undefined : await tell(deps.hubs, device, "commit", { rollId });
    if (device !== undefined && answer !== undefined) lines.push(toldLine(device, "commit", rollId, answer));
    const retiredAt = deps.clock.now();
    if (answer?.outcome === "taken") work.set({ ...row, commit: { ...row.commit, takenAt: retiredAt }, retiredAt });
    else if (row.commit.tries >= COMMITS) work.set({ ...withWarning(row, "commit-unanswered"), retiredAt });
  });
}

const WENT_BACK = "the device registered again with another certificate after it was proven on the new one";
