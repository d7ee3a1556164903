import type { confirmContained, recheckContained } from "../contract/activities";
import { owesRestore } from "../domain/hub/guess";
import { isPinned } from "../domain/enrollment/pin";
import { isClosedTo } from "../domain/enrollment/close-entry";
import { disown, outdated } from "../domain/hub/adopted-leaf";
import { standing } from "../domain/hub/allow-set";
import { outlived } from "../domain/hub/cut";
import type { HubHostName, RollId } from "../domain/ids";
import type { JournalLine } from "../domain/roll/batch";
import { withWarning, type DeviceRow } from "../domain/roll/device-row";
import { isMoving } from "../domain/roll/moving";
import { RollError } from "../domain/roll-error";
import type { Entropy } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";
import type { HubIdentity, Hubs } from "../ports/hubs";
import type { FactStore } from "../ports/stores";
import { adoptLeaf } from "./adopt-leaves";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { againAt, readGuards, type GroupGuardDeps } from "./group-guard";
import { admitBreach } from "./contain-pace";
import { MOST_BREAKS, needsContainment } from "./hold-at-hub";
import { allowSet, recordOf } from "./identities";
import type { PacerDeps } from "./pacer";
import { mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface ConfirmContainedDeps extends BatchWorkDeps, PacerDeps, GroupGuardDeps {
  readonly entropy: Entropy;
  readonly enrollments: Enrollments;
  readonly hubs: Hubs;
  readonly facts: Pick<FactStore, "read">;
}

type Guards = Awaited<ReturnType<typeof readGuards>>;

/** Fresh reads that may fail to show containment before the device is listed as unconfirmed. */
const MOST_REREADS = 5;

/** What fresh reads say: nothing wrong, or where something still opens for the old credential. */
type Finding =
  /** `intact`: our own sentinels stand wherever the device has an identity. */
  | { readonly kind: "contained"; readonly intact: boolean; readonly row: DeviceRow }
  | { readonly kind: "unknown"; readonly why: string }
  | { readonly kind: "dps-open"; readonly why: string }
  | { readonly kind: "in-flight"; readonly why: string }
  | { readonly kind: "hub-open"; readonly hub: HubHostName; readonly why: string };

/** Makes the claim "contained", or says what stands in its way and prepares the next round. */
export function createConfirmContained(deps: ConfirmContainedDeps): Step<typeof confirmContained> {
  return async ({ rollId, batch, ticket }) => {
    const work = await BatchWork.open(deps, "confirm-contained", { rollId, batch });
    const lines: JournalLine[] = [];
    const todo = work.rows.filter((row) => needsContainment(row));
    const admission = await admitBreach(deps, readsOf(deps, todo), ticket);
    if (admission.outcome === "wait") return { ...claims(work.rows), wait: admission.wait };
    const guards = await readGuards(deps, rollId, todo.filter(inClosedGroup));
    const request = await deps.blobs.getRequest(rollId);
    await mapSideBySide(todo, async (row) => {
      const moves = isMoving(row, request, deps.clock.now());
      const finding = await examine(deps, rollId, row, guards, { released: !moves });
      lines.push(lineOf(row, "confirm", finding));
      // What is still on its way is exposed, and nothing to give up on.
      if (!moves || finding.kind === "contained") work.set(afterConfirm(row, finding, deps));
    });
    await work.settle(lines);
    return claims(work.rows);
  };
}

function claims(rows: readonly DeviceRow[]): { contained: number; exposed: number; unconfirmed: number } {
  return {
    contained: rows.filter((row) => row.containedAt !== undefined).length,
    exposed: rows.filter((row) => needsContainment(row)).length,
    unconfirmed: rows.filter((row) => row.unconfirmed !== undefined).length,
  };
}

/**
 * The entry, the registration, and the identity in every linked hub. A group is read once for all of its devices, and a
 * registration that was seen at rest after the closing write not at all.
 */
function readsOf({ hubs }: ConfirmContainedDeps, rows: readonly DeviceRow[]): Parameters<typeof admitBreach>[1] {
  const pairs = rows.flatMap(() => hubs.hostNames.map((hub) => ({ hub })));
  const entries = rows.filter(({ group }) => group === undefined).length;
  const registrations = rows.filter(({ listed }) => listed?.assigning !== false).length;
  return { dps: entries + registrations, pairs, each: ["twinReads"] };
}

/**
 * Takes the claim back where a fresh read contradicts it. Devices that are proven are past it. Those that were given up on
 * get another chance: what stood in the way may have been an outage.
 */
export function createRecheckContained(deps: ConfirmContainedDeps): Step<typeof recheckContained> {
  return async ({ rollId, batch, ticket }) => {
    const work = await BatchWork.open(deps, "recheck-contained", { rollId, batch });
    const lines: JournalLine[] = [];
    let broken = 0;
    const others = await heldByOthers(deps, rollId, work.rows);
    const own = work.rows.filter(({ registrationId }) => !others.has(registrationId));
    const todo = own.filter(
      (row) => row.containedAt !== undefined && row.proof === undefined && row.failed === undefined,
    );
    const admission = await admitBreach(deps, readsOf(deps, todo), ticket);
    if (admission.outcome === "wait") return { broken: 0, wait: admission.wait };
    const guards = await readGuards(deps, rollId, todo.filter(inClosedGroup));
    const { timing } = await deps.blobs.getRequest(rollId);
    const facts = await deps.facts.read(todo.flatMap(({ deviceId }) => deviceId ?? []));
    await mapSideBySide(todo, async (row) => {
      const finding = await examine(deps, rollId, row, guards, { released: false });
      const heard = row.deviceId === undefined ? undefined : facts.get(row.deviceId);
      if (finding.kind === "contained" && finding.intact && outlived(row, heard, timing)) {
        lines.push({
          registrationId: row.registrationId,
          target: "all",
          action: "containment-broken",
          result: SURVIVED,
        });
        work.set(containAgain(row, SURVIVED, false));
        broken += 1;
        return;
      }
      if (finding.kind === "contained" && finding.row !== row) work.set(finding.row);
      if (finding.kind === "contained" || finding.kind === "unknown" || finding.kind === "in-flight") return;
      lines.push(lineOf(row, "containment-broken", finding));
      work.set(containAgain(row, finding.why, finding.kind === "dps-open" || row.pin === "pin"));
      broken += 1;
    });
    for (const { unconfirmed, ...row } of own) {
      if (unconfirmed === undefined || row.broken >= MOST_BREAKS || row.proof !== undefined) continue;
      lines.push({ registrationId: row.registrationId, target: "all", action: "look-again", result: unconfirmed });
      work.set({ ...row, rereads: 0 });
      broken += 1;
    }
    // Held under a wrong guess and not given back yet: the next round of containment tries again.
    broken += work.rows.filter((row) => owesRestore(row)).length;
    await work.settle(lines);
    return { broken };
  };
}

/** Devices that a closed roll let go and another one has by now: they are that one's to look after. */
async function heldByOthers(
  { rolls, targetClaims }: ConfirmContainedDeps,
  rollId: RollId,
  rows: readonly DeviceRow[],
): Promise<ReadonlySet<string>> {
  if ((await rolls.get(rollId))?.phase !== "finished") return new Set();
  const holders = await targetClaims.holders(
    "device",
    rows.map(({ registrationId }) => registrationId),
  );
  return new Set([...holders].flatMap(([id, holder]) => (holder.rollId === rollId ? [] : [id])));
}

export const SURVIVED =
  "session-survived: a message or a connection came after the hold and before any new registration";

/** The row of a device whose containment does not hold: every hub is held again, DPS is closed again if it opened. */
export function containAgain(row: DeviceRow, why: string, atDps: boolean): DeviceRow {
  const { containedAt: _contained, attempt: _attempt, intactAt: _intact, ...rest } = atDps ? disown(row) : row;
  const hubs = Object.fromEntries(
    Object.entries(row.hubs).map(([hub, { heldAt: _heldAt, releasedAt: _releasedAt, ...record }]) => [
      hub,
      { ...record, absent: false },
    ]),
  );
  const broken = row.broken + 1;
  return {
    ...withWarning(rest, "containment-broken"),
    hubs,
    broken,
    rereads: 0,
    entry: atDps ? reopened(row) : row.entry,
    ...(broken < MOST_BREAKS
      ? {}
      : { unconfirmed: `containment broke ${broken} times, last: ${why}; the identity stays disabled` }),
  };
}

/** The entry must be closed again; the next closing write is the new anchor. */
function reopened({ entry: { closedAt: _closedAt, ...entry } }: DeviceRow): DeviceRow["entry"] {
  return { ...entry, state: "open" };
}

async function examine(
  deps: ConfirmContainedDeps,
  rollId: RollId,
  known: DeviceRow,
  guards: Guards,
  expect: { readonly released: boolean },
): Promise<Finding> {
  const { deviceId } = known;
  if (known.entry.state === "open") return { kind: "unknown", why: "the DPS entry could not be closed" };
  if (deviceId === undefined) return { kind: "unknown", why: "the hub device id is not known yet" };
  const atDps = (await examineEntry(deps, known, guards)) ?? (await examineInFlight(deps, known));
  if (atDps !== undefined) return atDps;

  const identities: { hub: HubHostName; identity: HubIdentity | undefined }[] = [];
  for (const hub of deps.hubs.hostNames) {
    const reading = await orOutage(deps.hubs.hub(hub).readIdentity(deviceId));
    if (reading instanceof RollError) return { kind: "unknown", why: reading.code };
    identities.push({ hub, identity: reading.outcome === "found" ? reading.identity : undefined });
  }
  const guard = known.group === undefined ? undefined : guards.get(known.group);
  const closedAgainAt = guard === undefined || guard instanceof RollError ? undefined : againAt(guard);
  const row = await adoptLeaf(deps, rollId, known, deviceId, identities, closedAgainAt);
  if (row instanceof RollError) return { kind: "unknown", why: row.code };

  let intact = true;
  for (const { hub, identity } of identities) {
    const now = standing(identity, allowSet(deps.entropy, rollId, { row, hub, deviceId }));
    if (now === "foreign") return { kind: "hub-open", hub, why: `${hub} accepts a thumbprint outside the allow set` };
    if (identity === undefined || now === "no-certificate") continue;
    intact &&= now === "sentinels";
    const { releasedAt, parkedAt } = recordOf(row, hub);
    if (expect.released && releasedAt === undefined && parkedAt === undefined)
      return { kind: "unknown", why: `${hub}: the hold is not released yet` };
  }
  return { kind: "contained", intact, row };
}

/** Its group is closed as a whole; a device that is kept out by an entry of its own is looked at by that. */
function inClosedGroup({ group, pin }: DeviceRow): boolean {
  return group !== undefined && pin === undefined;
}

/** What lets the device in at DPS: its group, read once for the whole batch, or the entry of its own. */
async function examineEntry(
  { enrollments }: ConfirmContainedDeps,
  row: DeviceRow,
  guards: Guards,
): Promise<Finding | undefined> {
  if (row.group !== undefined && inClosedGroup(row)) {
    const guard = guards.get(row.group);
    if (guard === undefined || guard instanceof RollError) return { kind: "unknown", why: guard?.code ?? "not read" };
    return guard.kind === "open"
      ? { kind: "dps-open", why: `group ${row.group} lets the compromised CA's leaves in` }
      : undefined;
  }
  const entry = await orOutage(enrollments.get(row.registrationId));
  if (entry instanceof RollError) return { kind: "unknown", why: entry.code };
  if (row.pin !== undefined)
    return isPinned(entry.outcome === "found" ? entry.enrollment : undefined, row.planned?.sha256Thumbprint)
      ? undefined
      : { kind: "dps-open", why: "nothing keeps the device's old leaf from coming in through its group" };
  return entry.outcome === "found" && !isClosedTo(entry.enrollment, row.bad)
    ? { kind: "dps-open", why: "the DPS entry accepts a compromised certificate" }
    : undefined;
}

/**
 * A registration that was accepted before the closing write and is not done yet: it may still write the old thumbprint into
 * the hub. Where a list read after the closing write showed the device at rest, there is none.
 */
async function examineInFlight({ enrollments }: ConfirmContainedDeps, row: DeviceRow): Promise<Finding | undefined> {
  if (row.listed?.assigning === false) return undefined;
  const registration = await orOutage(enrollments.getRegistration(row.registrationId));
  if (registration instanceof RollError) return { kind: "unknown", why: registration.code };
  const inFlight =
    registration.outcome === "found" &&
    registration.registration.status === "assigning" &&
    (registration.registration.lastUpdatedAt ?? 0) <= (row.entry.closedAt ?? 0);
  return inFlight
    ? { kind: "in-flight", why: "a registration accepted before the closing write is still under way" }
    : undefined;
}

function afterConfirm(row: DeviceRow, finding: Finding, { clock }: ConfirmContainedDeps): DeviceRow {
  if (finding.kind === "contained") {
    const at = clock.now();
    return { ...finding.row, containedAt: at, rereads: 0, ...(finding.intact ? { intactAt: at } : {}) };
  }
  const rereads = row.rereads + 1;
  if (rereads >= MOST_REREADS) return { ...row, rereads, unconfirmed: finding.why };
  // Registered past its pin.
  if (finding.kind === "hub-open" && row.pin === "pin") return containAgain({ ...row, rereads }, finding.why, true);
  if (finding.kind === "hub-open") {
    const { heldAt: _heldAt, releasedAt: _releasedAt, ...record } = recordOf(row, finding.hub);
    return { ...row, rereads, hubs: { ...row.hubs, [finding.hub]: { ...record, absent: false } } };
  }
  if (finding.kind === "dps-open") return outdated({ ...row, rereads, entry: reopened(row) });
  return { ...row, rereads };
}

function lineOf(row: DeviceRow, action: string, finding: Finding): JournalLine {
  const target = finding.kind === "hub-open" ? finding.hub : finding.kind === "dps-open" ? "dps" : "all";
  const result = finding.kind === "contained" ? "contained" : `${finding.kind}: ${finding.why}`;
  return { registrationId: row.registrationId, target, action, result };
}
