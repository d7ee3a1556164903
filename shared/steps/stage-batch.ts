import type { stageBatch } from "../contract/reprovision";
import { decideStaging } from "../domain/enrollment/stage-entry";
import type { RegistrationId, RollId } from "../domain/ids";
import { isAside, isAtWork } from "../domain/roll/attempts";
import type { JournalLine } from "../domain/roll/batch";
import { withWarning, type DeviceRow, type Swap } from "../domain/roll/device-row";
import type { RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { CertificateReader } from "../ports/certificates";
import type { EnrollmentChange, Enrollments, IndividualEnrollment } from "../ports/enrollments";
import type { ReplacementSource } from "../ports/replacements";
import type { RollBlobs } from "../ports/stores";
import { acceptedChain } from "./accepted-chain";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { dispatchGate, type DispatchGateDeps } from "./dispatch-gate";
import { refuse } from "./judge-leaf";
import { admit, type PacerDeps } from "./pacer";
import { leafPem } from "./plan-replacement";
import { askSideBySide, mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface StageBatchDeps extends BatchWorkDeps, DispatchGateDeps, PacerDeps {
  readonly clock: BatchWorkDeps["clock"];
  readonly blobs: RollBlobs;
  readonly enrollments: Enrollments;
  readonly certificates: CertificateReader;
  readonly replacements: ReplacementSource;
}

/** Calls to DPS per device: a read and a write. */
const OPERATIONS = 2;

/** How often a lost race is decided again within one run. */
const PASSES = 5;

/** A device whose entry is to be written, as it was just read. */
interface Staging {
  readonly row: DeviceRow;
  readonly enrollment: IndividualEnrollment;
  readonly swap: Swap;
}

/**
 * Puts the new leaf beside the old one: read, decide, write guarded by the entry's ETag; a lost race is read and decided
 * again. An entry that holds the leaf already, because an earlier run wrote it or somebody else did, is staged. Nothing is
 * written while the roll is paused.
 */
export function createStageBatch(deps: StageBatchDeps): Step<typeof stageBatch> {
  return async ({ rollId, batch, ticket }) => {
    const { rows } = await deps.batches.read(rollId, batch);
    const wanted = rows.filter(isToStage).length;
    if (wanted === 0 || !(await dispatchGate(deps, rollId)).open) return count(rows);
    const resources = new Map([["dps/operations" as const, wanted * OPERATIONS]]);
    const admission = await admit(deps, { resources, priority: "expiry" }, ticket);
    if (admission.outcome === "wait") return { ...count(rows), wait: admission.wait };

    const targets = new Map(
      (await deps.blobs.getTargets(rollId, batch)).map((target) => [target.registrationId, target]),
    );
    const work = await BatchWork.open(deps, "stage-batch", { rollId, batch });
    const outcome: JournalLine[] = [];
    let left = work.rows.filter(isToStage).map((row) => row.registrationId);
    for (let pass = 1; pass <= PASSES && left.length > 0; pass += 1) {
      const stagings = await readEntries(deps, work, left, outcome);
      await work.intend(stagings.map(intentLine));
      left = await write(deps, work, rollId, stagings, targets, outcome);
    }
    await work.settle(outcome);
    return count(work.rows);
  };
}

function isToStage(row: DeviceRow): boolean {
  return row.planned !== undefined && row.stagedAt === undefined && (isAtWork(row) || isAside(row));
}

function count(rows: readonly DeviceRow[]): { staged: number; open: number } {
  return {
    staged: rows.filter((row) => row.stagedAt !== undefined).length,
    open: rows.filter(isToStage).length,
  };
}

/** Fresh reads; answers what is to be written and notes the rest in the rows. */
async function readEntries(
  { enrollments, clock }: StageBatchDeps,
  work: BatchWork,
  ids: readonly RegistrationId[],
  outcome: JournalLine[],
): Promise<Staging[]> {
  const stagings: Staging[] = [];
  const readings = await askSideBySide(ids, async (id) => ({ id, reading: await enrollments.get(id) }));
  for (const answer of readings) {
    if (answer instanceof RollError) continue;
    const { id, reading } = answer;
    const known = work.row(id);
    const changed = reading.outcome === "found" && isChanged(known, reading.enrollment);
    const row = changed ? withWarning(known, "changed-since-plan") : known;
    const say = (result: string): number =>
      outcome.push({ registrationId: id, target: "dps", action: "stage", result });
    if (changed) say("changed-since-plan");
    if (reading.outcome === "missing") {
      work.set(
        refuse(row, { code: "enrollment-missing", detail: "the entry was deleted while the roll was under way" }),
      );
      say("enrollment-missing");
      continue;
    }
    const { enrollment } = reading;
    const decision = decideStaging(enrollment, row.planned?.sha256Thumbprint, clock.now());
    if (decision.kind === "refused") {
      work.set(refuse(row, decision.refusal));
      say(decision.refusal.code);
    } else if (decision.kind === "staged") {
      // Our own write whose answer was lost, or somebody else's. By our clock: no earlier registration may count as proof.
      const stagedAt = row.staging === true ? (enrollment.lastUpdatedAt ?? clock.now()) : clock.now();
      work.set(staged(row, decision.swap, stagedAt));
      say("was there");
    } else {
      const noted = { ...row, swap: decision.swap, staging: true };
      work.set(noted);
      stagings.push({ row: noted, enrollment, swap: decision.swap });
    }
  }
  return stagings;
}

/** Somebody else wrote the entry after the plan had read it. What is written is decided on the entry as it is now. */
function isChanged({ seen, staging, warnings }: DeviceRow, { etag }: IndividualEnrollment): boolean {
  return seen !== undefined && seen.etag !== etag && staging !== true && !warnings.includes("changed-since-plan");
}

/** Writes; answers the registrations that lost a race and must be decided again. */
async function write(
  deps: StageBatchDeps,
  work: BatchWork,
  rollId: RollId,
  stagings: readonly Staging[],
  targets: ReadonlyMap<RegistrationId, RollTarget>,
  outcome: JournalLine[],
): Promise<RegistrationId[]> {
  const again: RegistrationId[] = [];
  await mapSideBySide(stagings, async ({ row, enrollment, swap }) => {
    const { registrationId } = row;
    const target = targets.get(registrationId);
    const chain = target === undefined ? undefined : await acceptedChain(deps.replacements, rollId, target);
    if (chain === undefined) throw new Error("an accepted replacement is gone");
    const change = toChange(swap, leafPem(deps.certificates, chain), enrollment);
    const result = await orOutage(deps.enrollments.put(enrollment, change));
    const say = (text: string): number =>
      outcome.push({ registrationId, target: "dps", action: "stage", result: text });
    if (result instanceof RollError) {
      say(`unknown: ${result.code}`);
      return;
    }
    switch (result.outcome) {
      case "written":
        work.set(staged(row, swap, result.lastUpdatedAt ?? deps.clock.now()));
        say("written");
        return;
      case "precondition-failed":
      case "missing":
        again.push(registrationId);
        say(`${result.outcome}; read again`);
        return;
      case "refused":
        work.set(refuse(row, { code: "refused-by-dps", detail: result.detail }));
        say(`refused: ${result.detail}`);
        return;
      default:
        result satisfies never;
    }
  });
  return again;
}

function staged({ staging: _staging, ...row }: DeviceRow, swap: Swap, stagedAt: DeviceRow["stagedAt"]): DeviceRow {
  return { ...row, swap, stagedAt };
}

function toChange(swap: Swap, certificatePem: string, { provisioningStatus }: IndividualEnrollment): EnrollmentChange {
  const slot = (name: Swap["slot"]): EnrollmentChange["primary"] =>
    name === swap.slot ? { kind: "set", certificatePem } : { kind: "keep" };
  return { primary: slot("primary"), secondary: slot("secondary"), provisioningStatus };
}

function intentLine({ row, enrollment, swap }: Staging): JournalLine {
  const slot = (view: { sha256Thumbprint: string } | undefined): string => view?.sha256Thumbprint ?? "-";
  return {
    registrationId: row.registrationId,
    target: "dps",
    action: "stage",
    before: `primary=${slot(enrollment.primary)} secondary=${slot(enrollment.secondary)} etag=${enrollment.etag}`,
    after: `${swap.slot}=${row.planned?.sha256Thumbprint ?? "?"}`,
  };
}
