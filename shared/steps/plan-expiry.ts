import type { planExpiry } from "../contract/reprovision";
import type { CertificatePolicy } from "../domain/certificate/policy";
import { decideStaging, oldLeaf } from "../domain/enrollment/stage-entry";
import { DeviceId, type RegistrationId, type RollId } from "../domain/ids";
import type { JournalLine } from "../domain/roll/batch";
import { seenEntry, type DeviceRow } from "../domain/roll/device-row";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Authorities } from "../ports/authorities";
import type { CertificateReader } from "../ports/certificates";
import type { Enrollments, IndividualEnrollment, Registration } from "../ports/enrollments";
import type { Hubs } from "../ports/hubs";
import type { FoundReplacement, ReplacementSource } from "../ports/replacements";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { admit, type PacerDeps } from "./pacer";
import { planGroupLeaves, type PlanGroupLeavesDeps } from "./plan-group-leaves";
import { ADR_MANAGED } from "./plan-replacement";
import { NOT_LINKED } from "./send-methods";
import { DISCARDED, judgeLeaf, refuse, sharedKeys, type LeafWorld } from "./judge-leaf";
import { askSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface PlanExpiryDeps extends PlanGroupLeavesDeps, PacerDeps {
  readonly clock: BatchWorkDeps["clock"];
  readonly blobs: RollBlobs;
  readonly enrollments: Enrollments;
  readonly authorities: Authorities;
  readonly certificates: CertificateReader;
  readonly policy: CertificatePolicy;
  readonly replacements: ReplacementSource;
  readonly hubs: Pick<Hubs, "hostNames">;
}

/** Calls to DPS per device: the entry, and the last registration. */
const OPERATIONS = 2;

/**
 * Reads each entry and the device's registration, finds the free slot, and judges the replacement, where there is one
 * beforehand. What was decided stays; only a device that could not be judged is judged again. Writes nothing at DPS.
 */
export function createPlanExpiry(deps: PlanExpiryDeps): Step<typeof planExpiry> {
  return async ({ rollId, batch, ticket }) => {
    const request = await deps.blobs.getRequest(rollId);
    if (request.group !== undefined) return planGroupLeaves(deps, { rollId, batch }, request);
    const { rows } = await deps.batches.read(rollId, batch);
    const wanted = rows.filter(isToPlan).length;
    if (wanted === 0) return count(rows);
    const resources = new Map([["dps/operations" as const, wanted * OPERATIONS]]);
    const admission = await admit(deps, { resources, priority: "expiry" }, ticket);
    if (admission.outcome === "wait") return { ...count(rows), wait: admission.wait };

    const targets = new Map(
      (await deps.blobs.getTargets(rollId, batch)).map((target) => [target.registrationId, target]),
    );
    const work = await BatchWork.open(deps, "plan-expiry", { rollId, batch });
    const findings = await gather(deps, rollId, work.rows.filter(isToPlan), targets, request);
    const world = await readWorld(deps, findings);
    const lines: JournalLine[] = [];
    for (const finding of findings) {
      const row = await plan(deps, rollId, finding, request, world);
      work.set(row);
      const result = row.refusal?.code ?? row.planned?.sha256Thumbprint ?? row.replacementPending ?? "by request";
      lines.push({ registrationId: row.registrationId, target: "dps", action: "plan", result });
    }
    await work.settle(lines);
    return count(work.rows);
  };
}

function isToPlan(row: DeviceRow): boolean {
  return row.skipped === undefined && row.refusal === undefined && !isPlanned(row);
}

function isPlanned(row: DeviceRow): boolean {
  return row.swap !== undefined && row.replacementPending === undefined;
}

function count(rows: readonly DeviceRow[]): { planned: number; refused: number; open: number } {
  return {
    planned: rows.filter((row) => isPlanned(row) && row.refusal === undefined).length,
    refused: rows.filter((row) => row.refusal !== undefined).length,
    open: rows.filter(isToPlan).length,
  };
}

interface Finding {
  readonly row: DeviceRow;
  readonly target: RollTarget;
  readonly enrollment: IndividualEnrollment | undefined;
  readonly registration: Registration | undefined;
  readonly found: FoundReplacement;
}

/** What DPS and the source say; devices for which one of them does not answer are left out, and asked for again. */
async function gather(
  { enrollments, replacements }: PlanExpiryDeps,
  rollId: RollId,
  rows: readonly DeviceRow[],
  targets: ReadonlyMap<RegistrationId, RollTarget>,
  request: RollRequest,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  await askSideBySide(rows, async (row) => {
    const target = targets.get(row.registrationId);
    if (target === undefined) return;
    const { registrationId, replacement } = target;
    const source = request.replacement === undefined ? {} : { source: request.replacement };
    const [entry, registration, found] = await Promise.all([
      enrollments.get(registrationId),
      enrollments.getRegistration(registrationId),
      replacements.find(rollId, { registrationId, replacement, ...source }),
    ]);
    findings.push({
      row,
      target,
      enrollment: entry.outcome === "found" ? entry.enrollment : undefined,
      registration: registration.outcome === "found" ? registration.registration : undefined,
      found,
    });
  });
  return findings;
}

async function readWorld(
  { authorities, certificates, policy, clock }: PlanExpiryDeps,
  findings: readonly Finding[],
): Promise<LeafWorld> {
  const chains = findings.flatMap(({ row, found }): [RegistrationId, string][] =>
    "chainPem" in found ? [[row.registrationId, found.chainPem]] : [],
  );
  const verified = chains.length === 0 ? [] : await orOutage(authorities.listVerified());
  return {
    certificates,
    policy,
    authorities: verified instanceof RollError ? undefined : verified,
    keysOfOthers: sharedKeys(certificates, new Map(chains)),
    now: clock.now(),
  };
}

async function plan(
  { replacements, hubs }: PlanExpiryDeps,
  rollId: RollId,
  { row: before, enrollment, registration, found }: Finding,
  request: RollRequest,
  world: LeafWorld,
): Promise<DeviceRow> {
  if (enrollment === undefined) return refuse(before, { code: "enrollment-missing", detail: MISSING });
  if (registration?.assignedHub === undefined) return refuse(before, { code: "never-registered", detail: NEVER });
  if (!hubs.hostNames.some((name) => name === registration.assignedHub))
    return refuse(before, { code: "hub-not-linked", detail: NOT_LINKED });
  const row = named(before, enrollment, registration);
  if (enrollment.attestation !== "x509-client") return refuse(row, { code: "attestation-not-x509", detail: NOT_X509 });
  if (enrollment.credentialPolicyName !== undefined) return refuse(row, { code: "adr-managed", detail: ADR_MANAGED });
  if (!enrollment.updateHubAssignment) return refuse(row, { code: "update-hub-assignment-off", detail: UPDATE_OFF });

  const chainPem = "chainPem" in found ? await chainToUse(replacements, rollId, row, found) : undefined;
  const wanted = leafOf(world, chainPem);
  const decision = decideStaging(enrollment, wanted, world.now);
  if (decision.kind === "refused") return refuse(row, decision.refusal);
  const { swap } = decision;
  const ready: DeviceRow = { ...row, swap, allowed: [swap.old.sha256Thumbprint] };
  if (chainPem !== undefined)
    return judgeLeaf(ready, chainPem, { entry: "individual", old: oldLeaf(enrollment, wanted, world.now) }, world);
  if (found.kind === "discarded")
    return refuse(ready, {
      code: found.code,
      detail: found.code === "private-key-in-input" ? DISCARDED : "the replacement holds no readable certificate",
    });
  return request.replacement === "csr" ? ready : refuse(ready, { code: "replacement-missing", detail: NONE });
}

function named(row: DeviceRow, enrollment: IndividualEnrollment, registration: Registration): DeviceRow {
  const deviceId = registration.deviceId ?? enrollment.deviceId ?? DeviceId.parse(row.registrationId);
  const { assignedHub } = registration;
  return { ...row, deviceId, ...(assignedHub === undefined ? {} : { assignedHub }), seen: seenEntry(enrollment) };
}

/** What came out of a container may be another text tomorrow: the one that is judged is kept. */
async function chainToUse(
  replacements: ReplacementSource,
  rollId: RollId,
  { registrationId }: DeviceRow,
  found: Extract<FoundReplacement, { chainPem: string }>,
): Promise<string> {
  return found.kind === "blob" ? replacements.keep(rollId, registrationId, found.chainPem) : found.chainPem;
}

function leafOf({ certificates }: LeafWorld, chainPem: string | undefined) {
  const reading = chainPem === undefined ? undefined : certificates.readChain(chainPem);
  return reading?.outcome === "read" ? reading.chain.leaf.sha256Thumbprint : undefined;
}

const MISSING = "DPS has no individual enrollment for the device; check the id";
const NEVER =
  "the device has never registered, so that nothing could prove it; let it register once, then order it again";
const NOT_X509 = "the entry holds no client certificates, and DPS does not let its type change";
const UPDATE_OFF =
  "the entry's reprovision policy forbids hub updates, so DPS may not write the new leaf into the hub; set updateHubAssignment to true";
const NONE =
  "there is no new certificate for the device; send one, put one into the container, or let devices request theirs";
