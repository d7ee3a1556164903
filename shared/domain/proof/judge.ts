import type { DeviceFacts, VerifiedReport } from "../device-facts";
import type { Identity, Standing } from "../hub/allow-set";
import { hubNameOf, newestSession } from "../hub/hub-word";
import type { HubHostName, Sha256Thumbprint } from "../ids";
import { addMs, type Instant } from "../instant";
import type { Attempt, DeviceRow, HubRecord } from "../roll/device-row";

/** A device is proven when every rule holds; the missing ones are what an operator gets to see. */
export type ProofRule =
  /** A signed report for this attempt arrived after trust was closed, over an X.509 session of this device. */
  | "report"
  /** A fresh read of the hub shows exactly the reported leaf in both slots, enabled, and nothing foreign elsewhere. */
  | "hub"
  /** The leaf is the planned one (or one that was healthy all along). */
  | "leaf"
  /** DPS wrote it there: our own last write was another value, or DPS recorded a registration since. */
  | "written-by-dps"
  /** The session began after the identity was released: our pulse had cut all earlier ones. */
  | "session";

export interface ProofEvidence {
  readonly facts: DeviceFacts | undefined;
  /** Fresh reads of every linked hub, each with its standing against the roll's allow set. */
  readonly hubs: ReadonlyMap<HubHostName, { readonly identity: Identity | undefined; readonly standing: Standing }>;
  readonly registration: RegistrationEvidence | undefined;
  /** False: the reported chain leads to a CA that is compromised, or not to the one that has taken over. */
  readonly chainIsGood?: boolean | undefined;
}

export interface RegistrationEvidence {
  readonly status: string;
  readonly assignedHub: HubHostName | undefined;
  readonly lastUpdatedAt: Instant | undefined;
}

/** What the device has reported in answer to this attempt, newest first, signed by the leaf that it names. */
export function answersTo(
  row: DeviceRow,
  attempt: Attempt,
  facts: DeviceFacts | undefined,
  rollId: string,
): readonly VerifiedReport[] {
  if (facts?.deviceId !== row.deviceId) return [];
  return (facts?.verified ?? []).filter(
    (report) => report.rollId === rollId && report.attemptId === attempt.attemptId && report.nonce === attempt.nonce,
  );
}

/** The report that answers this attempt, if the device has given it. */
export function reportFor(
  row: DeviceRow,
  attempt: Attempt,
  facts: DeviceFacts | undefined,
  rollId: string,
): VerifiedReport | undefined {
  const answers = answersTo(row, attempt, facts, rollId).filter(({ phase }) => phase === "connected");
  // Who overhears the command can answer it as well, by a leaf of his own making.
  return answers.find(({ sha256Thumbprint }) => row.allowed.includes(sha256Thumbprint)) ?? answers[0];
}

/** Judges one device. Pure: all evidence was read before, and freshly. */
export function judgeProof(
  row: DeviceRow,
  rollId: string,
  evidence: ProofEvidence,
  pulseHoldMs: number,
): { readonly proven: boolean; readonly missing: readonly ProofRule[]; readonly leaf: Sha256Thumbprint | undefined } {
  const missing: ProofRule[] = [];
  const anchor = row.entry.closedAt;
  const report = row.attempt === undefined ? undefined : reportFor(row, row.attempt, evidence.facts, rollId);
  const reported =
    report !== undefined &&
    anchor !== undefined &&
    report.position.enqueuedAt > anchor &&
    report.authentication.startsWith("x509");
  if (!reported) missing.push("report");

  // The message that was heard last came from the identity that DPS made anew, not from the deleted one.
  const generations = hubsOf(row).flatMap(({ generationBefore }) => generationBefore ?? []);
  const isDeletedOne = generations.includes(evidence.facts?.generationId ?? "");
  if (reported && isDeletedOne) missing.push("report");

  const leaf = report?.sha256Thumbprint;
  const accepted = leaf !== undefined && row.allowed.includes(leaf) && !row.bad.includes(leaf);
  if (!accepted || evidence.chainIsGood === false) missing.push("leaf");

  const hubs = [...evidence.hubs];
  const home = hubs.filter(([, { identity }]) => identity !== undefined && isExactly(identity, leaf));
  const [only] = home;
  if (only === undefined || home.length !== 1 || hubs.some(([, hub]) => hub.standing === "foreign"))
    missing.push("hub");

  if (only === undefined || !writtenByDps(row, only[0], evidence)) missing.push("written-by-dps");

  if (!isNewSession(row, report, only?.[0], evidence, pulseHoldMs)) missing.push("session");

  return { proven: missing.length === 0, missing, leaf };
}

/**
 * A session that began after our pulse had cut all earlier ones; where the device had no identity then, any. Where nothing
 * was cut, because the device was to change over by itself, one that was heard after DPS had registered it anew: the device
 * signs that it is connected by its new leaf. Had it registered before it was asked, the hub's own word that a session began
 * since does as well; it is never needed, for events and logs may stay away.
 */
function isNewSession(
  row: DeviceRow,
  report: VerifiedReport | undefined,
  home: HubHostName | undefined,
  { registration, facts }: ProofEvidence,
  pulseHoldMs: number,
): boolean {
  if (report === undefined || row.attempt === undefined) return false;
  const record: HubRecord | undefined = home === undefined ? undefined : row.hubs[home];
  const heardAt = report.position.enqueuedAt;
  if (record?.heldAt !== undefined)
    return (
      heardAt >= addMs(record.heldAt, pulseHoldMs) && row.attempt.startedAt >= (record.releasedAt ?? record.heldAt)
    );
  if (record?.absent === true) return true;
  const registeredAt = registration?.lastUpdatedAt;
  if (registeredAt === undefined || heardAt <= registeredAt) return false;
  if (registeredAt > row.attempt.startedAt) return true;
  // A hub keeps one session per device: what it let in after that registration, it let in by the new leaf.
  const word = home === undefined ? undefined : facts?.hubs?.[hubNameOf(home)];
  const beganAt = word === undefined ? undefined : newestSession(word);
  const anchor = row.entry.closedAt;
  return (
    anchor !== undefined &&
    registeredAt > anchor &&
    beganAt !== undefined &&
    beganAt > registeredAt &&
    heardAt >= beganAt
  );
}

function hubsOf(row: DeviceRow): HubRecord[] {
  return Object.values(row.hubs);
}

/** True if this leaf, and no other, opens the identity. */
export function isExactly(identity: Identity, leaf: Sha256Thumbprint | undefined): boolean {
  return (
    leaf !== undefined &&
    identity.status === "enabled" &&
    identity.authentication === "selfSigned" &&
    identity.primaryThumbprint === leaf &&
    identity.secondaryThumbprint === leaf
  );
}

function writtenByDps(row: DeviceRow, home: HubHostName, { registration }: ProofEvidence): boolean {
  // We wrote sentinels, now an allowed leaf stands there: only a registration that DPS accepted can have put it there.
  const record = row.hubs[home];
  if (record?.lastWrite === "sentinel") return true;
  // We deleted it: only DPS makes it anew.
  if (record?.lastWrite === "deleted") return true;
  const anchor = row.entry.closedAt;
  return (
    registration?.status === "assigned" &&
    registration.assignedHub === home &&
    registration.lastUpdatedAt !== undefined &&
    anchor !== undefined &&
    registration.lastUpdatedAt > anchor
  );
}
