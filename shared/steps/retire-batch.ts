import type { retireBatch } from "../contract/reprovision";
import { decideRetiring } from "../domain/enrollment/stage-entry";
import type { RegistrationId, RollId, Sha256Thumbprint } from "../domain/ids";
import type { Instant } from "../domain/instant";
import { isExactly } from "../domain/proof/judge";
import { setAside } from "../domain/roll/attempts";
import type { JournalLine } from "../domain/roll/batch";
import { isToRetire } from "../domain/roll/batch-summary";
import { withWarning, type DeviceRow, type Swap } from "../domain/roll/device-row";
import type { RollRequest } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { EnrollmentChange, Enrollments, IndividualEnrollment } from "../ports/enrollments";
import type { Hubs } from "../ports/hubs";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { readEverywhere, type Identities } from "./change-evidence";
import { dispatchGate, type DispatchGateDeps } from "./dispatch-gate";
import type { PacerDeps } from "./pacer";
import { retireGroupBatch } from "./retire-group-batch";
import { admitRetiring } from "./retire-pace";
import { addressee, tell, toldLine } from "./send-methods";
import { askSideBySide, mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface RetireBatchDeps extends BatchWorkDeps, DispatchGateDeps, PacerDeps {
  readonly clock: BatchWorkDeps["clock"];
  readonly blobs: RollBlobs;
  readonly enrollments: Enrollments;
  readonly hubs: Hubs;
}

/** How often a lost race is decided again, or a write confirmed, within one run. */
const PASSES = 5;

/** Calls to DPS per device: the entry is read, written, and read again. */
const OPERATIONS = 3;

/** How often `commit` is sent before the old leaf goes without the device's word. */
const COMMITS = 3;

/** A proven device whose old leaf is to go. */
interface Retiring {
  readonly row: DeviceRow & { readonly swap: Swap };
  readonly planned: Sha256Thumbprint;
}

/**
 * Takes old leaves out of entries. First every linked hub is read again: a device that went back to its old leaf is
 * `regressed` and keeps it, and so does one whose old leaf opens any identity. Then the device is told to drop its old key,
 * then the slot is cleared, guarded by the entry's ETag, and a fresh read says so.
 */
export function createRetireBatch(deps: RetireBatchDeps): Step<typeof retireBatch> {
  return async ({ rollId, batch, ticket }) => {
    const request = await deps.blobs.getRequest(rollId);
    const { rows } = await deps.batches.read(rollId, batch);
    const isDue = dueBy(request, deps.clock.now());
    const { running } = await dispatchGate(deps, rollId);
    if (running && request.group !== undefined) return retireGroupBatch(deps, { rollId, batch, ticket }, request);
    if (!rows.some(isDue) || !running) return count(rows, isDue);
    const admission = await admitRetiring(deps, rows.filter(isDue), OPERATIONS, ticket);
    if (admission.outcome === "wait") return { ...count(rows, isDue), wait: admission.wait };

    const work = await BatchWork.open(deps, "retire-batch", { rollId, batch });
    const lines: JournalLine[] = [];
    const standing = await stillProven(deps, work, work.rows.filter(isDue), request, lines);
    const committed = await commit(deps, work, rollId, standing, lines);
    await clear(deps, work, committed, lines);
    await work.settle(lines);
    return count(work.rows, isDue);
  };
}

/** Proven, with an old leaf that nothing speaks for any more; `old-expired`: once it has expired. */
function dueBy({ retire }: RollRequest, now: Instant): (row: DeviceRow) => boolean {
  return (row) => isToRetire(row) && (retire?.when !== "old-expired" || (row.swap?.old.notAfter ?? Infinity) <= now);
}

function count(
  rows: readonly DeviceRow[],
  isDue: (row: DeviceRow) => boolean,
): { retired: number; kept: number; open: number; regressed: number } {
  // A device that was retired may be another roll's by now.
  const own = rows.filter(({ skipped }) => skipped === undefined);
  const retired = own.filter(({ retiredAt }) => retiredAt !== undefined).length;
  const open = own.filter(isDue).length;
  const regressed = own.filter((row) => row.regressed !== undefined).length;
  const withOld = own.filter(({ swap }) => swap !== undefined).length;
  return { retired, kept: withOld - retired - open, open, regressed };
}

/** Fresh reads of every linked hub; answers the devices that stand on their new leaf alone. */
async function stillProven(
  deps: RetireBatchDeps,
  work: BatchWork,
  rows: readonly DeviceRow[],
  { timing }: RollRequest,
  lines: JournalLine[],
): Promise<Retiring[]> {
  const standing: Retiring[] = [];
  await mapSideBySide(rows, async (row) => {
    const { swap, planned, deviceId, registrationId } = row;
    if (swap === undefined || planned === undefined || deviceId === undefined) return;
    const identities = await readEverywhere(deps.hubs, deviceId);
    if (identities === undefined) return;
    const now = deps.clock.now();
    switch (standsOn(identities, swap.old.sha256Thumbprint, planned.sha256Thumbprint)) {
      case "new":
        standing.push({ row: { ...row, swap }, planned: planned.sha256Thumbprint });
        return;
      case "old": {
        const { proof: _proof, ...unproven } = row;
        work.set(setAside(unproven, { regressed: { since: now, detail: WENT_BACK } }, row.attempts, timing, now));
        lines.push({ registrationId, target: "all", action: "retire", result: "regressed" });
        return;
      }
      case "both":
        keep(work, row, "old-leaf-in-use", lines);
        return;
      case "neither":
        keep(work, row, "identity-changed", lines);
    }
  });
  return standing;
}

/** Which leaf opens the device's identities: the new one alone, the old one instead, both somewhere, or neither. */
function standsOn(
  identities: Identities,
  old: Sha256Thumbprint,
  planned: Sha256Thumbprint,
): "new" | "old" | "both" | "neither" {
  const all = [...identities.values()].filter((identity) => identity !== undefined);
  const home = all.some((identity) => isExactly(identity, planned));
  const opened = all.some(
    ({ primaryThumbprint, secondaryThumbprint }) => primaryThumbprint === old || secondaryThumbprint === old,
  );
  if (opened) return home ? "both" : "old";
  return home ? "new" : "neither";
}

function keep(work: BatchWork, row: DeviceRow, why: string, lines: JournalLine[]): void {
  work.set({ ...row, kept: why });
  lines.push({ registrationId: row.registrationId, target: "dps", action: "retire", result: `kept: ${why}` });
}

/** Tells the devices to drop their old keys; answers those whose old leaf may go now. */
async function commit(
  deps: RetireBatchDeps,
  work: BatchWork,
  rollId: RollId,
  standing: readonly Retiring[],
  lines: JournalLine[],
): Promise<Retiring[]> {
  const told = standing.map(({ row, planned }) => {
    if (row.commit?.takenAt !== undefined || (row.commit?.tries ?? 0) >= COMMITS) return { row, planned, send: false };
    const asked: Retiring["row"] = { ...row, commit: { tries: (row.commit?.tries ?? 0) + 1 } };
    work.set(asked);
    return { row: asked, planned, send: true };
  });
  await work.intend(
    standing.map(({ row: { registrationId, swap } }) => ({
      registrationId,
      target: "all",
      action: "retire",
      before: `${swap.old.slot}=${swap.old.sha256Thumbprint}`,
    })),
  );
  const may: Retiring[] = [];
  await mapSideBySide(told, async ({ row, planned, send }) => {
    const device = send ? await addressee(deps, row) : undefined;
    if (device === undefined) {
      may.push({ row: row.commit?.takenAt === undefined ? warned(row) : row, planned });
      return;
    }
    const answer = await tell(deps.hubs, device, "commit", { rollId });
    lines.push(toldLine(device, "commit", rollId, answer));
    if (answer.outcome === "refused") {
      keep(work, row, "commit-refused", lines);
    } else if (answer.outcome === "taken") {
      const taken = { ...row, commit: { tries: row.commit?.tries ?? 1, takenAt: deps.clock.now() } };
      work.set(taken);
      may.push({ row: taken, planned });
    } else if ((row.commit?.tries ?? 0) >= COMMITS) {
      may.push({ row: warned(row), planned });
    }
  });
  return may;
}

function warned<R extends DeviceRow>(row: R): R {
  return { ...row, ...withWarning(row, "commit-unanswered") };
}

/** Clears the old slots; a pass that has written is followed by one that reads what stands there. */
async function clear(
  { enrollments, clock }: RetireBatchDeps,
  work: BatchWork,
  devices: readonly Retiring[],
  lines: JournalLine[],
): Promise<void> {
  const byId = new Map(devices.map((device) => [device.row.registrationId, device]));
  let left: RegistrationId[] = [...byId.keys()];
  for (let pass = 1; pass <= PASSES && left.length > 0; pass += 1) {
    const again: RegistrationId[] = [];
    await askSideBySide(left, async (id) => {
      const device = byId.get(id);
      if (device === undefined) return;
      const { row, planned } = device;
      const reading = await enrollments.get(id);
      if (reading.outcome === "missing") {
        keep(work, row, "enrollment-missing", lines);
        return;
      }
      const decision = decideRetiring(reading.enrollment, row.swap, planned);
      if (decision.kind === "kept") keep(work, row, decision.why, lines);
      if (decision.kind === "retired") {
        work.set({ ...row, retiredAt: clock.now() });
        lines.push({ registrationId: id, target: "dps", action: "retire", result: `${row.swap.old.slot} is empty` });
      }
      if (decision.kind !== "write") return;
      const written = await orOutage(enrollments.put(reading.enrollment, clearing(reading.enrollment, decision.clear)));
      const result = written instanceof RollError ? `unknown: ${written.code}` : written.outcome;
      lines.push({ registrationId: id, target: "dps", action: "retire", result });
      if (!(written instanceof RollError) && written.outcome === "refused") keep(work, row, "refused-by-dps", lines);
      else again.push(id);
    });
    left = again;
  }
}

function clearing({ provisioningStatus }: IndividualEnrollment, slot: Swap["slot"]): EnrollmentChange {
  const change = (name: Swap["slot"]): EnrollmentChange["primary"] => ({ kind: name === slot ? "clear" : "keep" });
  return { primary: change("primary"), secondary: change("secondary"), provisioningStatus };
}

const WENT_BACK = "the device registered again with its old certificate after it was proven on the new one";
