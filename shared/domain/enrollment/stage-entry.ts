import type { Sha256Thumbprint, Slot } from "../ids";
import type { Instant } from "../instant";
import type { Refusal, Swap } from "../roll/device-row";

interface Held {
  readonly sha256Thumbprint: Sha256Thumbprint;
  readonly notAfter: Instant | undefined;
}

/** The parts of an individual enrollment that say where a new leaf may go. */
export interface StagedEntry {
  readonly provisioningStatus: "enabled" | "disabled";
  readonly primary: Held | undefined;
  readonly secondary: Held | undefined;
}

export type StageDecision =
  | { readonly kind: "write"; readonly swap: Swap }
  /** The new leaf stands in the entry beside the old one. */
  | { readonly kind: "staged"; readonly swap: Swap }
  | { readonly kind: "refused"; readonly refusal: Refusal };

const SLOTS: readonly Slot[] = ["primary", "secondary"];

/**
 * Finds the slot for the new leaf: the one that is empty, that repeats the other, or whose leaf has expired (the roll before
 * the last left it there). A leaf that is still valid is never overwritten: the device, or a second one of its kind, may
 * have nothing else. Without `planned` it says where a leaf would go.
 */
export function decideStaging(entry: StagedEntry, planned: Sha256Thumbprint | undefined, now: Instant): StageDecision {
  const standing = SLOTS.find((slot) => planned !== undefined && entry[slot]?.sha256Thumbprint === planned);
  if (entry.provisioningStatus === "disabled") return refused("entry-disabled", DISABLED);
  if (standing !== undefined) {
    const old = swapInto(standing, entry);
    return old === undefined ? refused("replacement-is-current", CURRENT) : { kind: "staged", swap: old };
  }
  const slot = freeSlot(entry, now);
  if (slot === undefined) return refused("slot-in-use", IN_USE);
  const swap = swapInto(slot, entry);
  return swap === undefined ? refused("entry-empty", EMPTY) : { kind: "write", swap };
}

function freeSlot(entry: StagedEntry, now: Instant): Slot | undefined {
  const { primary, secondary } = entry;
  if (secondary === undefined || secondary.sha256Thumbprint === primary?.sha256Thumbprint) return "secondary";
  if (primary === undefined) return "primary";
  const expired = SLOTS.filter((slot) => (entry[slot]?.notAfter ?? Infinity) <= now);
  // Where both have expired, the older one is what the roll before the last left behind.
  return expired.sort((a, b) => (entry[a]?.notAfter ?? 0) - (entry[b]?.notAfter ?? 0))[0];
}

/** The swap that has its new leaf in this slot; undefined if the other slot holds nothing else. */
function swapInto(slot: Slot, entry: StagedEntry): Swap | undefined {
  const other: Slot = slot === "primary" ? "secondary" : "primary";
  const old = entry[other];
  if (old === undefined || (slot === "primary" && entry.primary?.sha256Thumbprint === old.sha256Thumbprint))
    return undefined;
  const { sha256Thumbprint, notAfter } = old;
  return { slot, old: { slot: other, sha256Thumbprint, ...(notAfter === undefined ? {} : { notAfter }) } };
}

/** The leaf in the entry that the device is on, and that is to run out: by it a replacement is measured. */
export function oldLeaf(entry: StagedEntry, planned: Sha256Thumbprint | undefined, now: Instant): Held | undefined {
  const decision = decideStaging({ ...entry, provisioningStatus: "enabled" }, planned, now);
  return decision.kind === "refused" ? undefined : entry[decision.swap.old.slot];
}

export type RetireDecision =
  | { readonly kind: "write"; readonly clear: Slot }
  /** The old leaf is gone and the new one is there. */
  | { readonly kind: "retired" }
  /** The entry is not what this roll left behind: nothing is cleared. */
  | { readonly kind: "kept"; readonly why: "entry-changed" };

/** Whether the old leaf's slot may be cleared: only if the entry holds exactly the old and the new one. */
export function decideRetiring(entry: StagedEntry, swap: Swap, planned: Sha256Thumbprint): RetireDecision {
  const old = entry[swap.old.slot];
  if (entry[swap.slot]?.sha256Thumbprint !== planned) return { kind: "kept", why: "entry-changed" };
  if (old === undefined || old.sha256Thumbprint === planned) return { kind: "retired" };
  return old.sha256Thumbprint === swap.old.sha256Thumbprint
    ? { kind: "write", clear: swap.old.slot }
    : { kind: "kept", why: "entry-changed" };
}

function refused(code: string, detail: string): StageDecision {
  return { kind: "refused", refusal: { code, detail } };
}

const DISABLED = "the enrollment is disabled, so that its device cannot register; enable it, or leave the device out";
const CURRENT = "the replacement is the certificate that the enrollment holds already; issue a new one";
const IN_USE =
  "both slots hold valid certificates; remove the one that no device uses any more, then order this device again";
const EMPTY = "the enrollment holds no certificate at all; put the device's present one there first";
