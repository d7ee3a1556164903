import type { proveChange } from "../contract/reprovision";
import type { DeviceFacts, VerifiedReport } from "../domain/device-facts";
import type { RollId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import { answerOf, isOldLeaf, judgeChange } from "../domain/proof/judge-change";
import { attemptEnd, fresh, isInFlight, setAside } from "../domain/roll/attempts";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollTiming } from "../domain/roll/request";
import type { FactStore } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { readChange, type ChangeEvidenceDeps } from "./change-evidence";
import { readLeafRule, type LeafRule, type LeafRuleDeps } from "./leaf-rule";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface ProveChangeDeps extends BatchWorkDeps, ChangeEvidenceDeps, LeafRuleDeps {
  readonly facts: FactStore;
}

/** A device that was told to change over, and what it has answered. */
interface Told {
  readonly row: DeviceRow;
  readonly answer: VerifiedReport | undefined;
}

/**
 * Looks at the devices that were told to change over. One that says it is connected is judged by fresh reads; one that
 * says it failed, or that speaks over its old leaf, stands aside; one that says nothing until its attempt is over is
 * unreachable. An answer that comes later still counts, until the next attempt begins.
 */
export function createProveChange(deps: ProveChangeDeps): Step<typeof proveChange> {
  return async ({ rollId, batch }) => {
    const { rows } = await deps.batches.read(rollId, batch);
    const asked = rows.filter(isAsked);
    if (asked.length === 0) return count(rows);
    const facts = await factsOf(deps.facts, asked);
    const request = await deps.blobs.getRequest(rollId);
    if (!asked.some((row) => hasNews(toTold(row, facts, rollId), request.timing, deps.clock.now()))) return count(rows);

    const rule = await readLeafRule(deps, rollId, request);
    const work = await BatchWork.open(deps, "prove-change", { rollId, batch });
    const now = deps.clock.now();
    const lines: JournalLine[] = [];
    const told = work.rows.filter(isAsked).map((row) => toTold(row, facts, rollId));
    await mapSideBySide(
      told.filter((device) => hasNews(device, request.timing, now)),
      async (device) => {
        const row = await follow(deps, device, rule, request.timing, now);
        if (row === device.row) return;
        work.set(row);
        lines.push(line(row));
      },
    );
    await work.settle(lines);
    return count(work.rows);
  };
}

function isAsked(row: DeviceRow): boolean {
  return row.attempt !== undefined && row.proof === undefined && row.skipped === undefined && row.refusal === undefined;
}

function count(rows: readonly DeviceRow[]): { proven: number; inFlight: number } {
  return {
    proven: rows.filter((row) => row.proof !== undefined).length,
    inFlight: rows.filter(isInFlight).length,
  };
}

async function factsOf(store: FactStore, rows: readonly DeviceRow[]): Promise<ReadonlyMap<string, DeviceFacts>> {
  return store.read(rows.flatMap(({ deviceId }) => (deviceId === undefined ? [] : [deviceId])));
}

function toTold(row: DeviceRow, facts: ReadonlyMap<string, DeviceFacts>, rollId: RollId): Told {
  return { row, answer: answerOf(row, row.deviceId === undefined ? undefined : facts.get(row.deviceId), rollId) };
}

/** An answer that has not been dealt with, or an attempt that is over. */
function hasNews({ row, answer }: Told, timing: RollTiming, now: Instant): boolean {
  const isOver = (attemptEnd(row, timing) ?? 0) <= now;
  if (answer === undefined) return isOver && isInFlight(row);
  if (row.failed !== undefined || row.regressed !== undefined)
    return answer.phase === "connected" && !isOldLeaf(row, answer.sha256Thumbprint);
  return true;
}

async function follow(
  deps: ProveChangeDeps,
  { row, answer }: Told,
  rule: LeafRule,
  timing: RollTiming,
  now: Instant,
): Promise<DeviceRow> {
  const aside = (came: Parameters<typeof setAside>[1]): DeviceRow => setAside(row, came, row.attempts, timing, now);
  if (answer === undefined) return aside({ unreachable: { since: now, reason: "no-answer" } });
  if (answer.phase === "failed")
    return aside({ failed: { reason: "device-failed", detail: `the device says: ${answer.error ?? "failed"}` } });
  if (isOldLeaf(row, answer.sha256Thumbprint)) return aside({ regressed: { since: now, detail: KEPT_OLD } });

  const evidence = await readChange(deps, row);
  // A service that does not answer is no reason to end the attempt.
  if (evidence === undefined) return row;
  const verdict = judgeChange(row, { ...evidence, report: answer, accepted: rule(row, answer) });
  if (verdict.proven && row.attempt !== undefined) {
    const proof = {
      provenAt: now,
      attemptId: row.attempt.attemptId,
      rules: ["report", "leaf", "hub", "written-by-dps", "session"],
    };
    const { sha256Thumbprint, notAfter } = answer;
    return {
      ...fresh(row),
      proof,
      ...(row.planned !== undefined || notAfter === undefined ? {} : { planned: { sha256Thumbprint, notAfter } }),
    };
  }
  const missing = verdict.missing.join(" ");
  if ((attemptEnd(row, timing) ?? 0) > now) return row.missing === missing ? row : { ...row, missing };
  const detail = `the device answered, and the proof still misses: ${missing}`;
  if (row.failed?.detail === detail) return row;
  return { ...aside({ failed: { reason: "proof-incomplete", detail } }), missing };
}

const KEPT_OLD = "the device answered over its old certificate";

function line(row: DeviceRow): JournalLine {
  const { registrationId, proof, failed, regressed, unreachable, missing = "" } = row;
  const result =
    proof !== undefined
      ? `proven on ${row.planned?.sha256Thumbprint ?? "?"}`
      : (failed?.detail ?? regressed?.detail ?? unreachable?.reason ?? `missing: ${missing}`);
  return { registrationId, target: "all", action: "prove", result };
}
