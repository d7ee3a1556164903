import { z } from "zod";
import type { DeviceRow } from "./device-row";

/** A device's state, computed from its row and never stored apart from it. */
export const DeviceState = z.enum([
  /** Nothing is cut yet: the old credential may still work. */
  "planned",
  /** Nothing is cut: the roll is automatic, and a person has to approve this much first. Treat as exposed. */
  "awaiting-approval",
  /** Its certificate request has come; the issuer has not signed yet. */
  "csr-received",
  /** Its new leaf was issued and is not in the entry yet. */
  "issued",
  /** Breach: DPS refuses the old credential, the hub may not yet. Expiry: the entry holds the new leaf beside the old. */
  "staged",
  /** Cut at DPS and hub by our writes, fresh reads did not confirm it: treat as exposed. */
  "contained-unconfirmed",
  /** Fresh reads show that the old credential opens nothing; no replacement is known, so nothing more will happen. */
  "contained",
  /** Contained; the device has to find its way back with the new leaf. */
  "await-self-heal",
  /** It was told to change over, or, after a breach, heard again over an allowed leaf and asked to report. */
  "dispatched",
  /** It has answered; some rule of the proof does not hold yet. */
  "reported",
  /** Every rule of the proof holds. */
  "proven",
  /** Proven, and a fresh read shows the old leaf gone from the entry. */
  "retired",
  /** The last attempt got no answer; it is tried again. */
  "unreachable",
  /** It went back to its old leaf. */
  "regressed",
  "failed",
  "skipped",
  /** Cut off, and nobody knows it: somebody registered it with a compromised CA's key. Nothing is waited for. */
  "rogue",
  /** Another roll has taken it over. */
  "superseded",
]);
export type DeviceState = z.infer<typeof DeviceState>;

export const DeviceCounts = z.partialRecord(DeviceState, z.int().nonnegative());
export type DeviceCounts = z.infer<typeof DeviceCounts>;

/** Derives the state; the order of the questions is the order of the claims, strongest first. */
export function deviceState(row: DeviceRow): DeviceState {
  if (row.supersededBy !== undefined) return "superseded";
  if (row.skipped !== undefined) return "skipped";
  if (row.heldBack !== undefined) return "awaiting-approval";
  if (row.retiredAt !== undefined) return "retired";
  if (row.proof !== undefined) return "proven";
  if (row.failed !== undefined) return "failed";
  if (row.regressed !== undefined) return "regressed";
  if (row.unreachable !== undefined) return "unreachable";
  if (row.containedAt !== undefined) {
    if (row.attempt !== undefined) return "dispatched";
    if (row.rogue === true) return "rogue";
    return mayComeBack(row) ? "await-self-heal" : "contained";
  }
  if (row.unconfirmed !== undefined) return "contained-unconfirmed";
  return row.entry.state === "open" ? (changingOver(row) ?? "planned") : "staged";
}

/** Where trust stays open meanwhile: how far the new leaf has come. */
function changingOver(row: DeviceRow): DeviceState | undefined {
  if (row.attempt !== undefined) return row.missing === undefined ? "dispatched" : "reported";
  if (row.stagedAt !== undefined) return "staged";
  if (row.csr === undefined) return undefined;
  if (row.planned !== undefined) return "issued";
  return row.csr.receivedAt === undefined ? undefined : "csr-received";
}

/** A leaf is known that it may come back with, or DPS lets devices in by leaves that nobody named beforehand. */
function mayComeBack({ allowed, leafUnknown, replacementPending }: DeviceRow): boolean {
  return allowed.length > 0 || (leafUnknown === true && replacementPending === undefined);
}

export function countStates(rows: readonly DeviceRow[]): DeviceCounts {
  const counts: DeviceCounts = {};
  for (const row of rows) {
    const state = deviceState(row);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

export function addCounts(all: readonly DeviceCounts[]): DeviceCounts {
  const sum: DeviceCounts = {};
  for (const counts of all) {
    for (const state of DeviceState.options) {
      const n = counts[state];
      if (n !== undefined) sum[state] = (sum[state] ?? 0) + n;
    }
  }
  return sum;
}

/** What this roll cannot bring, however long it waits. */
const WAIT_FOR_ANOTHER_ROLL: readonly string[] = ["no-successor", "waits-for-ca-roll"];

/** True while the roll still waits for something to happen to this device. */
export function isOpen(row: DeviceRow): boolean {
  switch (deviceState(row)) {
    case "awaiting-approval":
    case "await-self-heal":
    case "dispatched":
    case "reported":
    case "contained-unconfirmed":
      return true;
    case "contained":
      return row.replacementPending !== undefined && !WAIT_FOR_ANOTHER_ROLL.includes(row.replacementPending);
    default:
      return false;
  }
}
