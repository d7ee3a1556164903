import type { dispatchBatch } from "../contract/reprovision";
import { AttemptId, Sha256Thumbprint, type RegistrationId } from "../domain/ids";
import { addMs } from "../domain/instant";
import type { ResourceName } from "../domain/pacing/quotas";
import { fresh, isAtWork, mayTryAgain, setAside } from "../domain/roll/attempts";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import type { Entropy } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs } from "../ports/hubs";
import type { ReplacementSource } from "../ports/replacements";
import type { FactStore, RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { readEverywhere, type Identities } from "./change-evidence";
import { dispatchGate, type DispatchGateDeps } from "./dispatch-gate";
import { admit, type PacerDeps } from "./pacer";
import { addressee, commandsTo, NOT_LINKED, toldLine, type Addressee, type Told } from "./send-methods";
import { sendByJob, sendEach, type Noted } from "./send-orders";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface DispatchBatchDeps extends BatchWorkDeps, DispatchGateDeps, PacerDeps {
  readonly clock: BatchWorkDeps["clock"];
  readonly entropy: Entropy;
  readonly blobs: RollBlobs;
  readonly facts: FactStore;
  readonly enrollments: Enrollments;
  readonly hubs: Hubs;
  readonly replacements: Pick<ReplacementSource, "kept">;
}

/**
 * Tells devices to change over: those that are ready and were not told yet, and those whose time for another attempt has
 * come. The attempt stands in the row before its command is sent, so that a lost answer, or a run that was cut off, is an
 * attempt like any other: the device knows it by its id, and does nothing twice.
 */
export function createDispatchBatch(deps: DispatchBatchDeps): Step<typeof dispatchBatch> {
  return async ({ rollId, batch, ticket }) => {
    const request = await deps.blobs.getRequest(rollId);
    const { rows } = await deps.batches.read(rollId, batch);
    const given = new Set(request.targets.filter(bringsLeaf).map(({ registrationId }) => registrationId));
    const ready = rows.filter((row) => isReady(row, request, given));
    if (ready.length === 0) return { sent: 0, held: false };
    const gate = await dispatchGate(deps, rollId);
    if (!gate.open) return { sent: 0, held: true };
    const wanted = await due(deps, ready, gate.retries);
    if (wanted.length === 0) return { sent: 0, held: false };

    const devices = (await mapSideBySide(wanted, (row) => addressee(deps, row))).filter((found) => found !== undefined);
    const byJob = request.dispatch === "job" && !ready.some((row) => row.planned !== undefined);
    const resources = needed(deps.hubs, devices, byJob);
    const admission = await admit(deps, { resources, priority: "expiry" }, ticket);
    if (admission.outcome === "wait") return { sent: 0, held: false, wait: admission.wait };

    const before = await readBefore(deps.hubs, devices);
    const work = await BatchWork.open(deps, "dispatch-batch", { rollId, batch });
    const found = new Set(devices.map(({ row }) => row.registrationId));
    for (const row of wanted) if (!found.has(row.registrationId)) setNowhere(deps, work, row, request);
    const noted = note(deps, work, devices, before, { retries: gate.retries, byJob });
    await work.intend(noted.map(intentLine));
    const spreadSeconds = Math.floor(admission.spreadMs / 1_000);
    const send = byJob ? sendByJob : sendEach;
    const lines: JournalLine[] = [];
    for (const { device, told } of await send(deps, { rollId, batch, request, spreadSeconds }, noted)) {
      work.set(follow(deps, device, told, request));
      lines.push(toldLine(device, "reprovision", device.attempt.attemptId, told));
    }
    await work.settle(lines);
    return { sent: noted.length, held: false };
  };
}

/** Everything the device needs is there; whether it is told now is another question. */
function isReady(
  row: DeviceRow,
  { group, replacement }: RollRequest,
  /** Whose leaves came with the request: none of them is sent before it was judged. */
  given: ReadonlySet<RegistrationId>,
): boolean {
  if (row.skipped !== undefined || row.proof !== undefined || row.refusal !== undefined) return false;
  if (row.deviceId === undefined) return false;
  if (group === undefined) return row.stagedAt !== undefined;
  if (row.planned !== undefined) return true;
  return !given.has(row.registrationId) && (replacement === undefined || replacement === "device-managed");
}

function bringsLeaf({ replacement }: RollTarget): boolean {
  return replacement.kind !== "none";
}

async function due(
  { facts, clock }: DispatchBatchDeps,
  rows: readonly DeviceRow[],
  retries: number,
): Promise<DeviceRow[]> {
  const aside = rows.filter((row) => !isAtWork(row));
  const heard = aside.length === 0 ? undefined : await facts.read(aside.flatMap(({ deviceId }) => deviceId ?? []));
  return rows.filter((row) => {
    if (isAtWork(row)) return row.attempt === undefined;
    const heardAt = row.deviceId === undefined ? undefined : heard?.get(row.deviceId)?.lastSeen?.enqueuedAt;
    return mayTryAgain(row, { now: clock.now(), heardAt, retries });
  });
}

/** A device of a hub that this app has no access to. */
function setNowhere({ clock }: DispatchBatchDeps, work: BatchWork, seen: DeviceRow, { timing }: RollRequest): void {
  const row = work.row(seen.registrationId);
  if (row.skipped !== undefined) return;
  const failed = { reason: "hub-not-linked", detail: NOT_LINKED };
  work.set(setAside(row, { failed }, row.attempts + 1, timing, clock.now()));
}

/** A command each, a registration each, and the reads that prove them. */
function needed({ hostNames }: Hubs, devices: readonly Addressee[], byJob: boolean): Map<ResourceName, number> {
  const units = commandsTo(devices, byJob ? "jobDevices" : "methods");
  units.set("dps/registrations", devices.length);
  units.set("dps/operations", devices.length);
  for (const hub of hostNames) units.set(`${hub}/twinReads`, devices.length);
  return units;
}

/** What opens the identities of devices that have no old leaf on record: by it a new one will be told from an old one. */
async function readBefore(
  hubs: Hubs,
  devices: readonly Addressee[],
): Promise<ReadonlyMap<RegistrationId, Identities | undefined>> {
  const unknown = devices.filter(({ row }) => row.swap === undefined && row.before === undefined);
  const read = await mapSideBySide(unknown, async ({ row }): Promise<[RegistrationId, Identities | undefined]> => [
    row.registrationId,
    row.deviceId === undefined ? undefined : await readEverywhere(hubs, row.deviceId),
  ]);
  return new Map(read);
}

/** The attempts on record. A device whose identities could not be read is left for the next pass. */
function note(
  { clock, entropy }: DispatchBatchDeps,
  work: BatchWork,
  devices: readonly Addressee[],
  before: ReadonlyMap<RegistrationId, Identities | undefined>,
  { retries, byJob }: { readonly retries: number; readonly byJob: boolean },
): Noted[] {
  // A job has one payload for all: one attempt, by a number that none of them has had.
  const common = Math.max(0, ...devices.map(({ row }) => row.attempts)) + 1;
  const nonce = byJob ? entropy.randomHex(16) : undefined;
  return devices.flatMap(({ row: seen, hub }) => {
    const { registrationId } = seen;
    const row = work.row(registrationId);
    // Another run was first, or another roll has taken the device.
    if (row.skipped !== undefined || row.attempts !== seen.attempts) return [];
    if (before.has(registrationId) && before.get(registrationId) === undefined) return [];
    const attempts = byJob ? common : row.attempts + 1;
    const attempt = {
      attemptId: AttemptId.parse(`a${attempts}`),
      nonce: nonce ?? entropy.randomHex(16),
      startedAt: clock.now(),
    };
    const held = leavesIn(before.get(registrationId));
    const told: DeviceRow = {
      ...fresh(row),
      assignedHub: hub,
      attempts,
      attempt,
      retriesSeen: retries,
      ...(held === undefined ? {} : { before: held }),
    };
    work.set(told);
    return [{ row: told, hub, attempt }];
  });
}

function leavesIn(identities: Identities | undefined): Sha256Thumbprint[] | undefined {
  if (identities === undefined) return undefined;
  const held = [...identities.values()].flatMap((identity) => [
    identity?.primaryThumbprint,
    identity?.secondaryThumbprint,
  ]);
  return [...new Set(held.flatMap((text) => Sha256Thumbprint.safeParse(text).data ?? []))];
}

function intentLine({ row, hub, attempt }: Noted): JournalLine {
  return { registrationId: row.registrationId, target: hub, action: "reprovision", after: attempt.attemptId };
}

function follow({ clock }: DispatchBatchDeps, { row, attempt }: Noted, told: Told, { timing }: RollRequest): DeviceRow {
  const now = clock.now();
  switch (told.outcome) {
    case "taken":
      return { ...row, attempt: { ...attempt, acknowledgedAt: now } };
    case "refused": {
      const failed = { reason: "refused-by-device", detail: `reprovision answered ${told.status}` };
      return setAside(row, { failed }, row.attempts, timing, now);
    }
    case "unreachable":
      return setAside(row, { unreachable: { since: now, reason: told.detail } }, row.attempts, timing, now);
    case "later":
      return {
        ...row,
        unreachable: { since: now, reason: "the hub took no more calls" },
        tryAgainAt: addMs(now, told.retryAfterMs),
      };
    case "unknown":
      // It may have acted: it has until the end of the attempt to say so.
      return row;
    default:
      return told satisfies never;
  }
}
