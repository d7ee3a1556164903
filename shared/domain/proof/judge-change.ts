import type { DeviceFacts, VerifiedReport } from "../device-facts";
import type { Identity } from "../hub/allow-set";
import type { HubHostName, Sha256Thumbprint } from "../ids";
import type { Instant } from "../instant";
import type { DeviceRow } from "../roll/device-row";
import { answersTo, isExactly, type ProofRule, type RegistrationEvidence } from "./judge";

/** What a device is judged by that changes over while old trust stays open. */
export interface ChangeEvidence {
  /** Its signed answer to the present attempt. */
  readonly report: VerifiedReport;
  /** Whether that leaf is one that this roll is about: the planned one, or one of the chain that takes over. */
  readonly accepted: boolean;
  /** Fresh reads of every linked hub. */
  readonly hubs: ReadonlyMap<HubHostName, Identity | undefined>;
  readonly registration: RegistrationEvidence | undefined;
}

/**
 * From when on registrations count: the new leaf stood in the entry, by the service's own clock; or, where nothing was
 * staged for the device alone, the attempt had begun.
 */
export function anchorOf(row: DeviceRow): Instant | undefined {
  return row.stagedAt ?? row.attempt?.startedAt;
}

/** What the device says of the present attempt: that it is connected, or that it failed. Its new leaf goes before its old one. */
export function answerOf(row: DeviceRow, facts: DeviceFacts | undefined, rollId: string): VerifiedReport | undefined {
  if (row.attempt === undefined) return undefined;
  const answers = answersTo(row, row.attempt, facts, rollId).filter(({ phase }) => FINAL.has(phase));
  return answers.find(({ sha256Thumbprint }) => !isOldLeaf(row, sha256Thumbprint)) ?? answers[0];
}

const FINAL: ReadonlySet<string> = new Set(["connected", "failed"]);

/**
 * Judges one device. No write of ours tells old from new here, since both leaves are valid: what does is the leaf itself,
 * DPS's own record of a registration after the anchor, and the device's signed answer to this very attempt, which it gives
 * over the session that it opened after registering. Pure: all evidence was read before, and freshly.
 */
export function judgeChange(
  row: DeviceRow,
  { report, accepted, hubs, registration }: ChangeEvidence,
): { readonly proven: boolean; readonly missing: readonly ProofRule[] } {
  const anchor = anchorOf(row);
  const leaf = report.sha256Thumbprint;
  const reported =
    report.phase === "connected" &&
    report.authentication.startsWith("x509") &&
    isAfter(report.position.enqueuedAt, anchor);
  const homes = [...hubs].filter(([, identity]) => identity !== undefined && isExactly(identity, leaf));
  const home = homes.length === 1 ? homes[0]?.[0] : undefined;
  const registered =
    registration?.status === "assigned" &&
    home !== undefined &&
    registration.assignedHub === home &&
    isAfter(registration.lastUpdatedAt, anchor);
  const isNew = accepted && !isOldLeaf(row, leaf);
  const holds: Readonly<Record<ProofRule, boolean>> = {
    report: reported,
    leaf: isNew,
    hub: home !== undefined,
    "written-by-dps": registered,
    // "connected" is said of the session that was opened with the reported leaf; before its registration the hub would not
    // have taken a new one.
    session: reported && registered && isNew,
  };
  const missing = RULES.filter((rule) => !holds[rule]);
  return { proven: missing.length === 0, missing };
}

/** In the order in which a device meets them. */
const RULES: readonly ProofRule[] = ["report", "leaf", "hub", "written-by-dps", "session"];

/** True for a leaf that the device is to leave behind. */
export function isOldLeaf(row: DeviceRow, leaf: Sha256Thumbprint): boolean {
  if (leaf === row.planned?.sha256Thumbprint) return false;
  return leaf === row.swap?.old.sha256Thumbprint || row.before?.includes(leaf) === true;
}

function isAfter(at: Instant | undefined, anchor: Instant | undefined): boolean {
  return at !== undefined && anchor !== undefined && at > anchor;
}
