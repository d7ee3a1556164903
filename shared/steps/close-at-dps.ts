import type { closeAtDps } from "../contract/activities";
import type { CertificatePolicy } from "../domain/certificate/policy";
import { decideClose, type CloseDecision } from "../domain/enrollment/close-entry";
import type { RegistrationId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { JournalLine } from "../domain/roll/batch";
import { withWarning, type DeviceRow } from "../domain/roll/device-row";
import type { RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { CertificateReader, TrustedAuthority } from "../ports/certificates";
import type { Authorities } from "../ports/authorities";
import type { EnrollmentChange, Enrollments, IndividualEnrollment } from "../ports/enrollments";
import type { ReplacementSource } from "../ports/replacements";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { closeGroupRows } from "./close-group-rows";
import { admitBreach } from "./contain-pace";
import { findLeaves, type FoundLeaves } from "./find-leaves";
import { needsContainment } from "./hold-at-hub";
import { pinRows, type PinRowsDeps } from "./pin-rows";
import { leafPem, planRow, readLeaf, type ReplacementWorld } from "./plan-replacement";
import type { PacerDeps } from "./pacer";
import { askSideBySide, mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface CloseAtDpsDeps extends BatchWorkDeps, PacerDeps, PinRowsDeps {
  readonly blobs: RollBlobs;
  readonly enrollments: Enrollments;
  readonly authorities: Authorities;
  readonly certificates: CertificateReader;
  readonly policy: CertificatePolicy;
  readonly replacements: ReplacementSource;
}

/** How often a lost race is decided again within one run. */
const PASSES = 5;

interface Planned {
  readonly row: DeviceRow;
  /** What the row said of the entry before this decision: stands again if the write was not made. */
  readonly entryBefore: DeviceRow["entry"];
  readonly enrollment: IndividualEnrollment;
  readonly decision: Extract<CloseDecision, { kind: "write" }>;
}

/**
 * Makes DPS refuse the bad certificates of a batch: reads each entry, decides, journals, writes guarded by the entry's
 * ETag; a lost race is read and decided again. A device that DPS does not answer for stays open and holds up nobody.
 */
export function createCloseAtDps(deps: CloseAtDpsDeps): Step<typeof closeAtDps> {
  return async ({ rollId, batch, ticket }) => {
    const work = await BatchWork.open(deps, "close-at-dps", { rollId, batch });
    const outcome: JournalLine[] = [];
    const all = work.rows.filter((row) => isTodo(row));
    const request = await deps.blobs.getRequest(rollId);
    // A read and a write each; a group that is closed as a whole takes none of its devices.
    const entries = request.group === undefined || request.group.authority === "leaf" ? all : all.filter(hasOwnEntry);
    const admission = await admitBreach(deps, { dps: entries.length * 2 }, ticket);
    if (admission.outcome === "wait") return { ...standing(work.rows), wait: admission.wait };
    if (all.length > 0) {
      const given = await deps.blobs.getTargets(rollId, batch);
      const leaves = await findLeaves(deps.replacements, rollId, request, given, "keep");
      const authorities = await readAuthorities(deps, [...leaves.targets.values()]);
      const world = worldOf(deps, leaves, authorities);
      const { targets } = leaves;
      const ofGroups = all.filter(({ group }) => group !== undefined);
      if (ofGroups.length > 0) {
        const close = request.group?.authority === "leaf" ? pinRows : closeGroupRows;
        await close(deps, work, rollId, ofGroups, { request, targets, replacements: world }, outcome);
      }
      let todo = all.filter(hasOwnEntry).map(({ registrationId }) => registrationId);
      for (let pass = 1; pass <= PASSES && todo.length > 0; pass += 1) {
        const plans = await gather(deps, work, todo, targets, world);
        await work.intend(plans.map((plan) => intentLine(plan)));
        todo = await write(deps, work, plans, targets, outcome);
      }
    }
    await work.settle(outcome);
    return standing(work.rows);
  };
}

function standing(rows: readonly DeviceRow[]): { closed: number; open: number } {
  return {
    closed: rows.filter((row) => row.entry.state !== "open").length,
    open: rows.filter((row) => needsContainment(row) && row.entry.state === "open").length,
  };
}

function hasOwnEntry({ group }: DeviceRow): boolean {
  return group === undefined;
}

function isTodo(row: DeviceRow): boolean {
  if (row.skipped !== undefined || row.heldBack !== undefined) return false;
  return row.entry.state === "open" || row.replacementPending !== undefined;
}

/** The CA certificates matter only to the replacement, so that an outage of the control plane delays nothing. */
export async function readAuthorities(
  { authorities }: Pick<CloseAtDpsDeps, "authorities">,
  targets: readonly RollTarget[],
): Promise<readonly TrustedAuthority[] | undefined> {
  if (targets.every((target) => target.replacement.kind !== "inline")) return [];
  try {
    return await authorities.listVerified();
  } catch (error) {
    if (error instanceof RollError) return undefined;
    throw error;
  }
}

/** What the replacements of these targets are judged with. */
export function worldOf(
  { certificates, policy, clock }: Pick<CloseAtDpsDeps, "certificates" | "policy" | "clock">,
  { targets, awaited }: FoundLeaves,
  authorities: readonly TrustedAuthority[] | undefined,
): ReplacementWorld {
  const keys = keysByTarget(certificates, [...targets.values()]);
  return {
    certificates,
    policy,
    authorities,
    keysOfOthers: (target) => othersKeys(keys, target),
    awaited: ({ registrationId }) => awaited.get(registrationId),
    now: clock.now(),
  };
}

/** Reads and decides; rows that need no write are brought up to date on the spot. */
async function gather(
  deps: CloseAtDpsDeps,
  work: BatchWork,
  todo: readonly RegistrationId[],
  targets: ReadonlyMap<RegistrationId, RollTarget>,
  world: ReplacementWorld,
): Promise<Planned[]> {
  const readings = await askSideBySide(todo, (id) => deps.enrollments.get(id));
  const plans: Planned[] = [];
  for (const [at, id] of todo.entries()) {
    const reading = readings[at];
    const target = targets.get(id);
    if (reading === undefined || reading instanceof RollError || target === undefined) continue;
    const known = work.row(id);
    if (reading.outcome === "missing") {
      const entry = { state: "missing", disabled: false, closedAt: deps.clock.now() } as const;
      work.set(withWarning({ ...known, entry }, "enrollment-missing"));
      continue;
    }
    const { enrollment } = reading;
    const row = planRow(known, target, enrollment, world);
    const decision = decideClose(enrollment, row.bad, row.planned?.sha256Thumbprint, row.entry.disabledByUs === true);
    if (decision.kind === "closed") {
      // By a write of ours whose answer was lost: then since that write. By somebody else: nobody knows since when, so from
      // this fresh read on.
      const ours = row.entry.closing === true ? enrollment.lastUpdatedAt : undefined;
      const closedAt = row.entry.closedAt ?? ours ?? deps.clock.now();
      work.set({ ...row, entry: closedEntry(row, closedAt, decision.disabled) });
    } else {
      const { entry: entryBefore } = row;
      // Noted before it is written: a run cut off in between must know whose write it finds.
      const disabling = decision.disabled && enrollment.provisioningStatus === "enabled";
      const entry = { ...entryBefore, closing: true, ...(disabling ? { disabledByUs: true } : {}) };
      const noted = { ...row, entry };
      work.set(noted);
      plans.push({ row: noted, entryBefore, enrollment, decision });
    }
  }
  return plans;
}

/** Writes; answers the registrations that lost a race and must be decided again. */
async function write(
  deps: CloseAtDpsDeps,
  work: BatchWork,
  plans: readonly Planned[],
  targets: ReadonlyMap<RegistrationId, RollTarget>,
  outcome: JournalLine[],
): Promise<RegistrationId[]> {
  const again: RegistrationId[] = [];
  await mapSideBySide(plans, async (plan) => {
    const id = plan.row.registrationId;
    const change = toChange(deps.certificates, plan.decision, targets.get(id));
    const result = await orOutage(deps.enrollments.put(plan.enrollment, change));
    const say = (text: string): number =>
      outcome.push({ registrationId: id, target: "dps", action: "close", result: text });
    if (result instanceof RollError) {
      say(`unknown: ${result.code}`);
      return;
    }
    switch (result.outcome) {
      case "written": {
        // A leaf that comes later does not move the anchor: the entry has been closed to the old one since then.
        const closedAt = plan.row.entry.closedAt ?? result.lastUpdatedAt ?? deps.clock.now();
        work.set({ ...plan.row, entry: closedEntry(plan.row, closedAt, plan.decision.disabled) });
        say("written");
        return;
      }
      case "precondition-failed":
      case "missing":
        work.set({ ...plan.row, entry: plan.entryBefore });
        again.push(id);
        say(`${result.outcome}; read again`);
        return;
      case "refused":
        say(`refused: ${result.detail}`);
        work.set({ ...plan.row, entry: plan.entryBefore });
        if (plan.row.planned === undefined) return;
        // DPS does not take the new leaf: close without it.
        work.set(withoutReplacement({ ...plan.row, entry: plan.entryBefore }, result.detail));
        again.push(id);
        return;
      default:
        result satisfies never;
    }
  });
  return again;
}

function closedEntry({ entry }: DeviceRow, closedAt: Instant, disabled: boolean): DeviceRow["entry"] {
  return {
    state: "closed",
    closedAt,
    disabled,
    ...(disabled && entry.disabledByUs === true ? { disabledByUs: true } : {}),
  };
}

function withoutReplacement(row: DeviceRow, detail: string): DeviceRow {
  const { planned, ...rest } = row;
  const allowed = rest.allowed.filter((thumbprint) => thumbprint !== planned?.sha256Thumbprint);
  return { ...rest, allowed, refusal: { code: "refused-by-dps", detail } };
}

function toChange(
  certificates: CertificateReader,
  decision: Planned["decision"],
  target: RollTarget | undefined,
): EnrollmentChange {
  const slot = (kind: "keep" | "clear" | "set"): EnrollmentChange["primary"] => {
    if (kind !== "set") return { kind };
    if (target?.replacement.kind !== "inline") throw new Error("no replacement to set");
    return { kind, certificatePem: leafPem(certificates, target.replacement.chainPem) };
  };
  return {
    primary: slot(decision.primary),
    secondary: slot(decision.secondary),
    provisioningStatus: decision.provisioningStatus,
  };
}

function intentLine({ row, enrollment, decision }: Planned): JournalLine {
  const slot = (view: { sha256Thumbprint: string } | undefined): string => view?.sha256Thumbprint ?? "-";
  const next = (kind: "keep" | "clear" | "set"): string =>
    kind === "set" ? (row.planned?.sha256Thumbprint ?? "?") : kind;
  return {
    registrationId: row.registrationId,
    target: "dps",
    action: "close",
    before: `${enrollment.provisioningStatus} primary=${slot(enrollment.primary)} secondary=${slot(enrollment.secondary)} etag=${enrollment.etag}`,
    after: `${decision.provisioningStatus} primary=${next(decision.primary)} secondary=${next(decision.secondary)}`,
  };
}

function keysByTarget(
  certificates: CertificateReader,
  targets: readonly RollTarget[],
): ReadonlyMap<RollTarget, string> {
  const keys = new Map<RollTarget, string>();
  for (const target of targets) {
    if (target.replacement.kind !== "inline") continue;
    const chain = readLeaf(certificates, target.replacement.chainPem);
    if (chain !== undefined) keys.set(target, chain.leaf.publicKeySha256);
  }
  return keys;
}

function othersKeys(keys: ReadonlyMap<RollTarget, string>, target: RollTarget): ReadonlySet<string> {
  const own = keys.get(target);
  const twice = [...keys].some(([other, key]) => other !== target && key === own);
  return new Set(own !== undefined && twice ? [own] : []);
}
