import { z } from "zod";
import type { requestCsrs } from "../contract/reprovision";
import type { CertificatePolicy } from "../domain/certificate/policy";
import type { CertificateProfile } from "../domain/certificate/profile";
import { addMs } from "../domain/instant";
import { isAtWork, fresh, mayTryAgain, setAside } from "../domain/roll/attempts";
import type { JournalLine } from "../domain/roll/batch";
import { withWarning, type DeviceRow } from "../domain/roll/device-row";
import type { RollRequest } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import { AttemptId, type RollId } from "../domain/ids";
import type { Authorities } from "../ports/authorities";
import type { CertificateReader } from "../ports/certificates";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs } from "../ports/hubs";
import type { CertificateIssuer, Issuance } from "../ports/issuers";
import type { FactStore, RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { dispatchGate, type DispatchGateDeps } from "./dispatch-gate";
import { judgeLeaf, refuse, type LeafWorld } from "./judge-leaf";
import { admit, heedThrottling, type PacerDeps } from "./pacer";
import { addressee, commandsTo, tell, toldLine, type Addressee, type Told } from "./send-methods";
import { mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface RequestCsrsDeps extends BatchWorkDeps, DispatchGateDeps, PacerDeps {
  readonly clock: BatchWorkDeps["clock"];
  readonly blobs: RollBlobs;
  readonly facts: FactStore;
  readonly enrollments: Enrollments;
  readonly hubs: Hubs;
  readonly authorities: Authorities;
  readonly certificates: CertificateReader;
  readonly policy: CertificatePolicy;
  readonly issuer: CertificateIssuer;
  readonly profile: CertificateProfile;
}

const Prepared = z.looseObject({ csrPem: z.string().min(1).max(16_000) });

/**
 * Asks each device for a certificate request (it makes a key beside the old one, the same for the whole roll) and has it
 * signed. The issuer signs at most one per device and roll, so that a lost answer or a run that was cut off is simply asked
 * for again. What is issued is judged like any other replacement.
 */
export function createRequestCsrs(deps: RequestCsrsDeps): Step<typeof requestCsrs> {
  return async ({ rollId, batch, ticket }) => {
    const request = await deps.blobs.getRequest(rollId);
    const gate = await dispatchGate(deps, rollId);
    const { rows } = await deps.batches.read(rollId, batch);
    const asked = gate.open ? await wantRequest(deps, rows, gate.retries) : [];
    if (asked.length === 0) return count(rows);

    const devices = (await mapSideBySide(asked, (row) => addressee(deps, row))).filter((found) => found !== undefined);
    const admission = await admit(deps, { resources: commandsTo(devices, "methods"), priority: "expiry" }, ticket);
    if (admission.outcome === "wait") return { ...count(rows), wait: admission.wait };

    const work = await BatchWork.open(deps, "request-csrs", { rollId, batch });
    const noted = note(deps, work, devices, gate.retries);
    await work.intend(noted.map(({ row, hub }) => intent(row, hub)));
    const world = await readWorld(deps);
    const lines: JournalLine[] = [];
    await mapSideBySide(noted, async (device) => {
      const told = await tell(deps.hubs, device, "prepareCertificate", { rollId, attemptId: attemptOf(device.row) });
      if (told.outcome === "later") await heedThrottling(deps.ledger, `${device.hub}/methods`, told.throttled);
      lines.push(toldLine(device, "prepareCertificate", attemptOf(device.row), told));
      const row = await follow(deps, rollId, device, told, request, world);
      work.set(row);
      const { registrationId } = row;
      if (row.planned !== undefined)
        lines.push({ registrationId, target: "issuer", action: "issue", result: row.planned.sha256Thumbprint });
      else if (row.refusal !== undefined)
        lines.push({ registrationId, target: "issuer", action: "issue", result: row.refusal.code });
    });
    await work.settle(lines);
    return count(work.rows);
  };
}

function count(rows: readonly DeviceRow[]): { issued: number; open: number } {
  return {
    issued: rows.filter((row) => row.csr !== undefined && row.planned !== undefined).length,
    open: rows.filter((row) => row.planned === undefined && (isAtWork(row) || row.tryAgainAt !== undefined)).length,
  };
}

/** Devices without a leaf that may be asked now. */
async function wantRequest(
  { facts, clock }: RequestCsrsDeps,
  rows: readonly DeviceRow[],
  retries: number,
): Promise<DeviceRow[]> {
  const without = rows.filter(
    (row) => row.planned === undefined && row.skipped === undefined && row.refusal === undefined,
  );
  const ids = without.flatMap(({ deviceId }) => (deviceId === undefined ? [] : [deviceId]));
  const heard = ids.length === 0 ? new Map<string, never>() : await facts.read(ids);
  return without.filter((row) => {
    const heardAt = row.deviceId === undefined ? undefined : heard.get(row.deviceId)?.lastSeen?.enqueuedAt;
    return isAtWork(row) || mayTryAgain(row, { now: clock.now(), heardAt, retries });
  });
}

/** On record before it is sent. */
function note(
  { clock }: RequestCsrsDeps,
  work: BatchWork,
  devices: readonly Addressee[],
  retries: number,
): Addressee[] {
  return devices.map(({ row: seen, hub }) => {
    const row = work.row(seen.registrationId);
    const csr = { tries: (row.csr?.tries ?? 0) + 1, askedAt: clock.now() };
    const asked = { ...fresh(row), assignedHub: hub, csr, retriesSeen: retries };
    work.set(asked);
    return { row: asked, hub };
  });
}

function attemptOf(row: DeviceRow): AttemptId {
  return AttemptId.parse(`a${row.csr?.tries ?? 1}`);
}

function intent(row: DeviceRow, hub: string): JournalLine {
  return { registrationId: row.registrationId, target: hub, action: "prepareCertificate", after: attemptOf(row) };
}

async function follow(
  deps: RequestCsrsDeps,
  rollId: RollId,
  { row }: Addressee,
  told: Told,
  request: RollRequest,
  world: LeafWorld,
): Promise<DeviceRow> {
  const now = deps.clock.now();
  const aside = (came: Parameters<typeof setAside>[1]): DeviceRow =>
    setAside(row, came, row.csr?.tries ?? 1, request.timing, now);
  if (told.outcome === "refused")
    return aside({ failed: { reason: "refused-by-device", detail: `prepareCertificate answered ${told.status}` } });
  if (told.outcome === "later") return { ...row, tryAgainAt: addMs(now, told.retryAfterMs) };
  if (told.outcome !== "taken") return aside({ unreachable: { since: now, reason: told.detail } });
  const prepared = Prepared.safeParse(told.payload);
  if (!prepared.success)
    return aside({ failed: { reason: "request-unreadable", detail: "prepareCertificate answered without a csrPem" } });

  const { registrationId } = row;
  const { csrPem } = prepared.data;
  const issuance = await orOutageOf(deps.issuer.issue({ rollId, registrationId, csrPem, profile: deps.profile }));
  const received = row.csr === undefined ? row : { ...row, csr: { ...row.csr, receivedAt: now } };
  switch (issuance.outcome) {
    case "issued":
      return withWarning(
        judgeLeaf(received, issuance.chainPem, { entry: entryOf(request), old: row.swap?.old }, world),
        ...issuance.warnings,
      );
    case "refused":
      return refuse(received, issuance.refusal);
    case "pending":
      return { ...received, tryAgainAt: addMs(now, issuance.retryAfterMs) };
    default:
      return issuance satisfies never;
  }
}

/** An issuer that does not answer is asked again with the next pass. */
async function orOutageOf(issuing: Promise<Issuance>): Promise<Issuance> {
  try {
    return await issuing;
  } catch (error) {
    if (!(error instanceof RollError) || !error.retryable) throw error;
    return { outcome: "pending", retryAfterMs: Math.max(error.retryAfterMs ?? 0, PAUSE_MS) };
  }
}

const PAUSE_MS = 10_000;

function entryOf({ group }: RollRequest): "individual" | "group" {
  return group === undefined ? "individual" : "group";
}

async function readWorld({ authorities, certificates, policy, clock }: RequestCsrsDeps): Promise<LeafWorld> {
  const verified = await orOutage(authorities.listVerified());
  return {
    certificates,
    policy,
    authorities: verified instanceof RollError ? undefined : verified,
    keysOfOthers: new Set(),
    now: clock.now(),
  };
}
