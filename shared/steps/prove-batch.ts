import type { proveBatch } from "../contract/activities";
import type { DeviceFacts } from "../domain/device-facts";
import { owesRestore } from "../domain/hub/guess";
import { standing, type Identity, type Standing } from "../domain/hub/allow-set";
import type { DeviceId, HubHostName, RollId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import { cutAt, outlived } from "../domain/hub/cut";
import type { ResourceName } from "../domain/pacing/quotas";
import { judgeProof, reportFor, type RegistrationEvidence } from "../domain/proof/judge";
import type { JournalLine } from "../domain/roll/batch";
import { isOpen } from "../domain/roll/device-state";
import { AUTHORITIES_UNREADABLE, type DeviceRow } from "../domain/roll/device-row";
import type { RollTiming } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Entropy } from "../ports/clock";
import type { ControlStore } from "../ports/control";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs } from "../ports/hubs";
import type { FactStore, RollBlobs } from "../ports/stores";
import { adoptLeaf } from "./adopt-leaves";
import { askToReport, mayAsk, type AskingRoll } from "./ask-to-report";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { containAgain, SURVIVED } from "./confirm-contained";
import { againAt, readGuards } from "./group-guard";
import { allowSet, readIdentities } from "./identities";
import { admit, type PacerDeps } from "./pacer";
import { createChainRule, type ChainRule, type ProveChainDeps } from "./prove-chain";
import type { Addressee } from "./send-methods";
import { mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface ProveBatchDeps extends BatchWorkDeps, PacerDeps, ProveChainDeps {
  readonly clock: BatchWorkDeps["clock"];
  readonly entropy: Entropy;
  readonly blobs: RollBlobs;
  readonly control: Pick<ControlStore, "get">;
  readonly facts: FactStore;
  readonly enrollments: Enrollments;
  readonly hubs: Hubs;
}

/** A device that waits, with what the event stream says of it. */
interface Waiting {
  readonly row: DeviceRow;
  readonly deviceId: DeviceId;
  readonly facts: DeviceFacts;
  /** Its newest message. */
  readonly heardAt: Instant;
}

/**
 * Looks at the devices that are contained and not proven. One that was heard again over an allowed leaf is asked, once per
 * attempt, to report; one that has reported is judged by fresh reads. A recorded answer is never asked for again.
 */
export function createProveBatch(deps: ProveBatchDeps): Step<typeof proveBatch> {
  return async ({ rollId, batch, ticket }) => {
    const request = await deps.blobs.getRequest(rollId);
    const { timing } = request;
    const { rows } = await deps.batches.read(rollId, batch);
    const heard = await heardAgain(deps, rows);
    if (heard.length === 0) return { ...count(rows), broken: 0 };
    const wish = await deps.control.get(rollId);
    // A pause holds back what devices are told, and nothing that keeps them contained.
    const roll = { rollId, request, retries: wish?.retries ?? 0, running: wish?.desired === "running" };
    const admission = await admit(deps, { resources: needsOf(deps, roll, heard), priority: "breach" }, ticket);
    if (admission.outcome === "wait") return { ...count(rows), broken: 0, wait: admission.wait };

    const work = await BatchWork.open(deps, "prove-batch", { rollId, batch });
    // Another roll, or another run of this step, may have been faster.
    const waiting = heard.filter(({ row }) => isWaiting(work.row(row.registrationId)));
    const lines: JournalLine[] = [];
    await adoptAll(deps, work, rollId, waiting);
    const current = waiting.map((device) => ({ ...device, row: work.row(device.row.registrationId) }));
    const answered = current.filter(({ row, facts }) => hasAnswered(row, facts, rollId));
    const chains = await createChainRule(deps, rollId, work.rows);
    await mapSideBySide(answered, (device) => prove(deps, work, rollId, device, timing, chains, lines));

    const unasked = current
      .map((device) => ({ ...device, row: work.row(device.row.registrationId) }))
      .filter(({ row, facts }) => row.proof === undefined && (!hasAnswered(row, facts, rollId) || answerIsNoGood(row)))
      .filter((device) => mayAsk(device, roll, deps.clock.now()));
    const broken = await ask(deps, work, roll, unasked, lines);
    await work.settle(lines);
    return { ...count(work.rows), broken };
  };
}

/** Reads everywhere, twice where the new leaf is not known; for whoever has answered the registration, and for the others a command at the hub they are at. */
function needsOf(
  { hubs, clock }: ProveBatchDeps,
  roll: AskingRoll,
  waiting: readonly Waiting[],
): ReadonlyMap<ResourceName, number> {
  const answered = waiting.filter(({ row, facts }) => hasAnswered(row, facts, roll.rollId)).length;
  const toAsk = waiting.filter(
    (device) => !hasAnswered(device.row, device.facts, roll.rollId) && mayAsk(device, roll, clock.now()),
  ).length;
  const toAdopt = waiting.filter(({ row }) => row.leafUnknown === true).length;
  const resources = new Map<ResourceName, number>([["dps/operations", answered]]);
  for (const hub of hubs.hostNames) {
    resources.set(`${hub}/twinReads`, answered + toAsk + toAdopt);
    resources.set(`${hub}/methods`, toAsk);
  }
  return resources;
}

/** Leaves that DPS wrote over our sentinels become those that the devices go on with. */
async function adoptAll(
  deps: ProveBatchDeps,
  work: BatchWork,
  rollId: RollId,
  waiting: readonly Waiting[],
): Promise<void> {
  const unknown = waiting.filter(({ row }) => row.leafUnknown === true);
  const guards = await readGuards(
    deps,
    rollId,
    unknown.map(({ row }) => row),
  );
  await mapSideBySide(unknown, async ({ row: { registrationId }, deviceId }) => {
    const row = work.row(registrationId);
    const guard = row.group === undefined ? undefined : guards.get(row.group);
    if (guard === undefined || guard instanceof RollError || guard.kind !== "closed") return;
    const { read, outages } = await readIdentities(
      deps.hubs,
      deps.hubs.hostNames.map((hub) => ({ row, deviceId, hub })),
    );
    const adopted = outages > 0 ? row : await adoptLeaf(deps, rollId, row, deviceId, read, againAt(guard));
    if (!(adopted instanceof RollError) && adopted !== row) work.set(adopted);
  });
}

function count(rows: readonly DeviceRow[]): { open: number; proven: number; unread?: number } {
  const unread = rows.filter(({ replacementPending }) => replacementPending === AUTHORITIES_UNREADABLE).length;
  return {
    ...(unread === 0 ? {} : { unread }),
    open: rows.filter((row) => isOpen(row) || owesRestore(row)).length,
    proven: rows.filter((row) => row.proof !== undefined).length,
  };
}

/** Devices with a message enqueued after the hold had cut their sessions. */
async function heardAgain({ facts }: ProveBatchDeps, rows: readonly DeviceRow[]): Promise<Waiting[]> {
  const open = rows.filter(isWaiting).flatMap((row) => {
    const { deviceId } = row;
    return deviceId === undefined ? [] : [{ row, deviceId }];
  });
  if (open.length === 0) return [];
  const known = await facts.read(open.map(({ deviceId }) => deviceId));
  return open.flatMap(({ row, deviceId }) => {
    const heard = known.get(deviceId);
    const heardAt = heard?.lastSeen?.enqueuedAt;
    return heard !== undefined && heardAt !== undefined && heardAt > cutAt(row)
      ? [{ row, deviceId, facts: heard, heardAt }]
      : [];
  });
}

function isWaiting(row: DeviceRow): boolean {
  return row.containedAt !== undefined && isOpen(row);
}

function hasAnswered(row: DeviceRow, facts: DeviceFacts, rollId: RollId): boolean {
  return row.attempt !== undefined && reportFor(row, row.attempt, facts, rollId) !== undefined;
}

/** The answer itself cannot prove anything, however long one waits: it came too early, or over an old session. */
function answerIsNoGood(row: DeviceRow): boolean {
  return row.missing !== undefined && /\b(report|session)\b/.test(row.missing);
}

async function prove(
  deps: ProveBatchDeps,
  work: BatchWork,
  rollId: RollId,
  { row, deviceId, facts }: Waiting,
  timing: RollTiming,
  chains: ChainRule,
  lines: JournalLine[],
): Promise<void> {
  const hubs = await readStandings(deps, rollId, { row, deviceId });
  if (hubs === undefined) return;
  const registration = await readRegistration(deps, row);
  if (registration instanceof RollError) return;

  const report = row.attempt === undefined ? undefined : reportFor(row, row.attempt, facts, rollId);
  const chainIsGood = report === undefined || chains(row, report.chainPem);
  const verdict = judgeProof(row, rollId, { facts, hubs, registration, chainIsGood }, timing.pulseHoldMs);
  if (verdict.proven && row.attempt !== undefined) {
    const proof = { provenAt: deps.clock.now(), attemptId: row.attempt.attemptId, rules: ALL_RULES };
    work.set({ ...row, proof });
    lines.push({
      registrationId: row.registrationId,
      target: "all",
      action: "prove",
      result: `proven on ${verdict.leaf ?? "?"}`,
    });
  } else {
    const missing = verdict.missing.join(" ");
    if (row.missing === missing) return;
    work.set({ ...row, missing });
    lines.push({ registrationId: row.registrationId, target: "all", action: "prove", result: `missing: ${missing}` });
  }
}

type Standings = ReadonlyMap<HubHostName, { readonly identity: Identity | undefined; readonly standing: Standing }>;

/** Fresh reads of every linked hub; undefined if one of them does not answer. */
async function readStandings(
  { hubs, entropy }: ProveBatchDeps,
  rollId: RollId,
  { row, deviceId }: Pick<Waiting, "row" | "deviceId">,
): Promise<Standings | undefined> {
  const standings = new Map<HubHostName, { identity: Identity | undefined; standing: Standing }>();
  for (const hub of hubs.hostNames) {
    const reading = await orOutage(hubs.hub(hub).readIdentity(deviceId));
    if (reading instanceof RollError) return undefined;
    const identity = reading.outcome === "found" ? reading.identity : undefined;
    standings.set(hub, { identity, standing: standing(identity, allowSet(entropy, rollId, { row, deviceId, hub })) });
  }
  return standings;
}

const ALL_RULES = ["report", "hub", "leaf", "written-by-dps", "session"];

async function readRegistration(
  { enrollments }: ProveBatchDeps,
  row: DeviceRow,
): Promise<RegistrationEvidence | undefined | RollError> {
  const reading = await orOutage(enrollments.getRegistration(row.registrationId));
  if (reading instanceof RollError) return reading;
  return reading.outcome === "found" ? reading.registration : undefined;
}

/**
 * Sends `report` to devices in whose hub identity an allowed leaf stands: we had put sentinels there, so DPS has accepted a
 * new registration. The registration record alone would not do: one that was in flight at closure, with the old leaf, also
 * ends `assigned` after it. A message from a device whose identity still holds sentinels came over a session that survived.
 */
async function ask(
  deps: ProveBatchDeps,
  work: BatchWork,
  roll: AskingRoll,
  devices: readonly Waiting[],
  lines: JournalLine[],
): Promise<number> {
  let broken = 0;
  const ready: Addressee[] = [];
  await mapSideBySide(devices, async (device) => {
    const { row, facts } = device;
    const hubs = await readStandings(deps, roll.rollId, device);
    if (hubs === undefined) return;
    const home = [...hubs].find(([, { identity, standing: now }]) => now === "allowed" && isOnOneLeaf(identity));
    if (home !== undefined) {
      const isOnAllowed = facts.claimed === undefined || row.allowed.includes(facts.claimed.sha256Thumbprint);
      if (roll.running && isOnAllowed) ready.push({ row, hub: home[0] });
    } else if (outlived(row, facts, roll.request.timing)) {
      broken += 1;
      work.set(containAgain(row, SURVIVED, false));
      lines.push({ registrationId: row.registrationId, target: "all", action: "containment-broken", result: SURVIVED });
    }
  });
  await askToReport(deps, work, roll, ready, lines);
  return broken;
}

function isOnOneLeaf(identity: Identity | undefined): boolean {
  return identity?.status === "enabled" && identity.primaryThumbprint === identity.secondaryThumbprint;
}
