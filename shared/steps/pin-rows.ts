import type { DenyEntry } from "../domain/deny-entry";
import { decidePin, type PinDecision } from "../domain/enrollment/pin";
import { DeviceId, type EnrollmentGroupId, type RegistrationId, type RollId } from "../domain/ids";
import { addMs, instant, type Instant } from "../domain/instant";
import type { JournalLine } from "../domain/roll/batch";
import { withWarning, type DeviceRow } from "../domain/roll/device-row";
import type { RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { CertificateReader } from "../ports/certificates";
import type { Decoys } from "../ports/decoys";
import type { EnrollmentGroup } from "../ports/enrollment-groups";
import type { EnrollmentCreation, Enrollments, IndividualEnrollment } from "../ports/enrollments";
import type { EntryWrite } from "../ports/entries";
import type { BatchWork } from "./batch-work";
import type { GroupRowsWorld } from "./close-group-rows";
import { noteDeny, type NoteDenyDeps } from "./note-deny";
import { judgeForGroup, leafPem, readLeaf, withVerdict } from "./plan-replacement";
import type { ShutGroupDeps } from "./shut-group";
import { askSideBySide, mapSideBySide, orOutage } from "./side-by-side";

export interface PinRowsDeps extends ShutGroupDeps, NoteDenyDeps {
  readonly certificates: CertificateReader;
  readonly enrollments: Enrollments;
  readonly decoys: Decoys;
  /**
   * Whether it was tried out, at this DPS, that an enabled individual enrollment keeps the device's other leaves out. It is
   * documented nowhere.
   */
  readonly pinBlocksOldLeaf: "unverified" | "verified";
}

const PASSES = 5;

interface Planned {
  readonly row: DeviceRow;
  readonly target: RollTarget;
  readonly group: EnrollmentGroup;
  readonly entry: IndividualEnrollment | undefined;
  readonly decision: Exclude<PinDecision, { kind: "closed" }>;
}

/**
 * Keeps single devices of a healthy group out: each gets an individual enrollment, which decides alone about its
 * registration id. It holds the new leaf, or is disabled where none is known, or where the old one was seen to get past it.
 * The ledger knows of each before it is made.
 */
export async function pinRows(
  deps: PinRowsDeps,
  work: BatchWork,
  rollId: RollId,
  rows: readonly DeviceRow[],
  world: GroupRowsWorld,
  outcome: JournalLine[],
): Promise<void> {
  const groups = await readGroups(deps, rows);
  let todo = rows.map(({ registrationId }) => registrationId);
  for (let pass = 1; pass <= PASSES && todo.length > 0; pass += 1) {
    const plans = await gather(deps, work, todo, groups, world);
    await work.intend(plans.map((plan) => intentLine(plan)));
    todo = await write(deps, work, rollId, plans, world, outcome);
  }
}

/** What a new entry is like. A group that is gone, or cannot be read, leaves its devices for a later call. */
async function readGroups(
  { groups }: PinRowsDeps,
  rows: readonly DeviceRow[],
): Promise<ReadonlyMap<EnrollmentGroupId, EnrollmentGroup>> {
  const ids = [...new Set(rows.flatMap(({ group }) => (group === undefined ? [] : [group])))];
  const found = new Map<EnrollmentGroupId, EnrollmentGroup>();
  for (const id of ids) {
    const reading = await orOutage(groups.get(id));
    if (!(reading instanceof RollError) && reading.outcome === "found") found.set(id, reading.group);
  }
  return found;
}

async function gather(
  deps: PinRowsDeps,
  work: BatchWork,
  todo: readonly RegistrationId[],
  groups: ReadonlyMap<EnrollmentGroupId, EnrollmentGroup>,
  world: GroupRowsWorld,
): Promise<Planned[]> {
  const readings = await askSideBySide(todo, (id) => deps.enrollments.get(id));
  const plans: Planned[] = [];
  await mapSideBySide([...todo.entries()], async ([at, id]) => {
    const reading = readings[at];
    const target = world.targets.get(id);
    const known = work.row(id);
    const group = known.group === undefined ? undefined : groups.get(known.group);
    if (reading === undefined || reading instanceof RollError || target === undefined || group === undefined) return;
    const row = await named(deps, plan(known, target, group, world, deps.pinBlocksOldLeaf));
    if (row instanceof RollError) return;
    const entry = reading.outcome === "found" ? reading.enrollment : undefined;
    const decision = decidePin(entry, row.planned?.sha256Thumbprint);
    if (decision.kind === "closed") {
      work.set(closed(row, decision.pin, entry?.lastUpdatedAt ?? deps.clock.now(), deps.pinBlocksOldLeaf));
      return;
    }
    const noted = { ...row, entry: { ...row.entry, closing: true } };
    work.set(noted);
    plans.push({ row: noted, target, group, entry, decision });
  });
  return plans;
}

/** The device keeps its hub identity only if its new entry calls it by the same name. */
async function named({ enrollments }: PinRowsDeps, row: DeviceRow): Promise<DeviceRow | RollError> {
  if (row.deviceId !== undefined) return row;
  const reading = await orOutage(enrollments.getRegistration(row.registrationId));
  if (reading instanceof RollError) return reading;
  const recorded = reading.outcome === "found" ? reading.registration.deviceId : undefined;
  return { ...row, deviceId: recorded ?? DeviceId.parse(row.registrationId) };
}

/** What must go, and what may come instead: nothing more once a pin was seen to let the old leaf through. */
function plan(
  row: DeviceRow,
  target: RollTarget,
  group: EnrollmentGroup,
  { replacements }: GroupRowsWorld,
  pinBlocksOldLeaf: PinRowsDeps["pinBlocksOldLeaf"],
): DeviceRow {
  if (row.broken > 0 && pinBlocksOldLeaf === "unverified" && row.pin !== undefined) return withoutPlan(row);
  if (row.planned !== undefined || row.refusal !== undefined) return row;
  const { replacementPending: _pending, ...base } = row;
  const old = readLeaf(replacements.certificates, target.compromisedPem)?.leaf.sha256Thumbprint;
  const bad = old === undefined ? base.bad : [...new Set([...base.bad, old])];
  return withVerdict({ ...base, bad }, judgeForGroup(target, group, [], replacements));
}

/** Only a new CA brings the device back: its old leaf gets in beside any entry that lets it in. */
function withoutPlan({ planned, ...row }: DeviceRow): DeviceRow {
  const allowed = row.allowed.filter((leaf) => leaf !== planned?.sha256Thumbprint);
  return { ...row, allowed, replacementPending: WAITS_FOR_CA };
}

export const WAITS_FOR_CA = "waits-for-ca-roll";

function closed(
  row: DeviceRow,
  pin: "pin" | "deny",
  closedAt: Instant,
  pinBlocksOldLeaf: PinRowsDeps["pinBlocksOldLeaf"],
): DeviceRow {
  const entry = { state: "closed", closedAt: row.entry.closedAt ?? closedAt, disabled: pin === "deny" } as const;
  const done = { ...row, pin, entry };
  return pin === "pin" && pinBlocksOldLeaf === "unverified" ? withWarning(done, "contained-at-hub") : done;
}

async function write(
  deps: PinRowsDeps,
  work: BatchWork,
  rollId: RollId,
  plans: readonly Planned[],
  world: GroupRowsWorld,
  outcome: JournalLine[],
): Promise<RegistrationId[]> {
  const again: RegistrationId[] = [];
  await mapSideBySide(plans, async (planned) => {
    const { row, decision } = planned;
    const { registrationId } = row;
    const say = (result: string): number =>
      outcome.push({ registrationId, target: "dps", action: decision.pin, result });
    await noteDeny(deps, ledgerRow(planned, rollId, world));
    const result = await orOutage<EnrollmentCreation | EntryWrite>(
      planned.entry === undefined ? create(deps, planned) : put(deps, planned, planned.entry),
    );
    if (result instanceof RollError) {
      say(`unknown: ${result.code}`);
      return;
    }
    say(result.outcome);
    switch (result.outcome) {
      case "created":
      case "written":
        work.set(closed(row, decision.pin, result.lastUpdatedAt ?? deps.clock.now(), deps.pinBlocksOldLeaf));
        return;
      case "exists":
      case "precondition-failed":
      case "missing":
        again.push(registrationId);
        return;
      case "limit-reached":
      case "refused":
        // DPS does not take the new leaf: without it the entry can at least be disabled.
        if (row.planned === undefined) return;
        work.set({ ...withoutPlan(row), refusal: { code: "refused-by-dps", detail: result.detail } });
        again.push(registrationId);
        return;
      default:
        result satisfies never;
    }
  });
  return again;
}

function create(deps: PinRowsDeps, { row, target, group, decision }: Planned): Promise<EnrollmentCreation> {
  const { registrationId, deviceId } = row;
  return deps.enrollments.create({
    registrationId,
    deviceId,
    certificatePem: decision.pin === "pin" ? newLeaf(deps, target) : oldLeaf(deps, row, target),
    provisioningStatus: decision.pin === "pin" ? "enabled" : "disabled",
    like: group,
  });
}

function put(deps: PinRowsDeps, { target, decision }: Planned, entry: IndividualEnrollment): Promise<EntryWrite> {
  const keep = { kind: "keep" } as const;
  const set = decision.kind === "write" && decision.set;
  return deps.enrollments.put(entry, {
    primary: set ? { kind: "set", certificatePem: newLeaf(deps, target) } : keep,
    secondary: set ? { kind: "clear" } : keep,
    provisioningStatus: decision.pin === "pin" ? "enabled" : "disabled",
  });
}

function newLeaf({ certificates }: PinRowsDeps, { replacement }: RollTarget): string {
  if (replacement.kind !== "inline") throw new Error("no replacement to set");
  return leafPem(certificates, replacement.chainPem);
}

/** A disabled entry says no by its registration id; which certificate it holds does not matter. */
function oldLeaf({ certificates, decoys, clock }: PinRowsDeps, row: DeviceRow, target: RollTarget): string {
  if (target.compromisedPem !== undefined) return leafPem(certificates, target.compromisedPem);
  return decoys.make(row.registrationId, addMs(clock.now(), DECOY_MS));
}

/** As long as certificate authorities live; the entry goes before. */
const DECOY_MS = 10 * 365 * 86_400_000;

function ledgerRow(
  { row, target, group, decision }: Planned,
  rollId: RollId,
  { request, replacements }: GroupRowsWorld,
): DenyEntry {
  const { requestedBy, source, reason, requestedAt } = request;
  const old = readLeaf(replacements.certificates, target.compromisedPem)?.leaf.notAfter;
  const removeAfter = old ?? latestOf(group);
  return {
    kind: decision.pin,
    target: row.registrationId,
    rollId,
    owner: requestedBy ?? source,
    reason,
    createdAt: requestedAt,
    ...(removeAfter === undefined ? {} : { removeAfter }),
  };
}

/** No leaf of the group is worth anything after the last of its CAs, as far as the group shows them. */
function latestOf({ attestation: held }: EnrollmentGroup): Instant | undefined {
  if (held.kind !== "signingCertificates") return undefined;
  const ends = [held.primary, held.secondary].flatMap((slot) => (slot === undefined ? [] : [slot.notAfter]));
  const known = ends.filter((end) => end !== undefined);
  return known.length < ends.length || known.length === 0 ? undefined : instant(Math.max(...known));
}

function intentLine({ row, entry, decision }: Planned): JournalLine {
  const before =
    entry === undefined
      ? "absent"
      : `${entry.provisioningStatus} primary=${entry.primary?.sha256Thumbprint ?? "-"} secondary=${entry.secondary?.sha256Thumbprint ?? "-"} etag=${entry.etag}`;
  const after =
    decision.pin === "deny" ? "disabled" : `enabled primary=${row.planned?.sha256Thumbprint ?? "?"} secondary=-`;
  return { registrationId: row.registrationId, target: "dps", action: decision.pin, before, after };
}
