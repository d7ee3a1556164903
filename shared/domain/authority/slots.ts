import type { AuthorityName, Sha256Thumbprint, Slot } from "../ids";
import type { Instant } from "../instant";
import { authorityKey, SLOTS } from "../inventory/fleet-entries";
import type { Refusal } from "../roll/device-row";

/** A CA certificate in a group's slot. A reference that leads nowhere has a name and no thumbprint. */
export interface HeldAuthority {
  readonly name: AuthorityName | undefined;
  readonly sha256Thumbprint: Sha256Thumbprint | undefined;
  readonly notAfter: Instant | undefined;
}

/** The two slots of an X.509 group. `family`: whether they hold names of CA certificates or certificates of their own. */
export interface GroupSlots {
  readonly family: "caReferences" | "signingCertificates";
  readonly primary: HeldAuthority | undefined;
  readonly secondary: HeldAuthority | undefined;
}

/** A CA as a roll knows it: by its certificate, and by its name in DPS where it has one. */
export interface AuthorityIdentity {
  readonly sha256Thumbprint?: Sha256Thumbprint | undefined;
  readonly name?: AuthorityName | undefined;
}

/** True if the slot holds this CA. The certificate decides; names only where a reference leads nowhere. */
export function isSame(held: HeldAuthority, authority: AuthorityIdentity): boolean {
  if (held.sha256Thumbprint !== undefined && authority.sha256Thumbprint !== undefined)
    return held.sha256Thumbprint === authority.sha256Thumbprint;
  if (held.name === undefined || authority.name === undefined) return false;
  return authorityKey(held.name) === authorityKey(authority.name);
}

/** The slots that hold this CA. */
export function slotsWith(slots: GroupSlots, authority: AuthorityIdentity): Slot[] {
  return SLOTS.filter((slot) => {
    const held = slots[slot];
    return held !== undefined && isSame(held, authority);
  });
}

export type StageDecision =
  /** The group holds the new CA. */
  | { readonly kind: "done" }
  | { readonly kind: "fill"; readonly slot: Slot }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/**
 * Where the new CA goes while the old one stays: the empty slot, or one whose CA has expired or stands in the other slot
 * too. Two CAs in use leave no room.
 */
export function decideStage(slots: GroupSlots, successor: AuthorityIdentity, now: Instant): StageDecision {
  if (slotsWith(slots, successor).length > 0) return { kind: "done" };
  const free = [...SLOTS].reverse().find((slot) => isFree(slots, slot, now));
  if (free !== undefined) return { kind: "fill", slot: free };
  return refused({
    code: "slot-in-use",
    detail: "both slots of the group hold CAs in use; take the one that no device uses any more out of the group first",
  });
}

function isFree(slots: GroupSlots, slot: Slot, now: Instant): boolean {
  const held = slots[slot];
  const other = slots[otherSlot(slot)];
  if (held === undefined) return true;
  // Whoever is to be left in the group must be there.
  if (other === undefined) return false;
  if (isSame(held, other)) return true;
  return held.notAfter !== undefined && held.notAfter <= now;
}

/** What is to go once the new CA has taken over: everything in use beside it, each CA once. */
export function heldBeside(slots: GroupSlots, successor: AuthorityIdentity): HeldAuthority[] {
  const beside = SLOTS.flatMap((slot) => slots[slot] ?? []).filter((held) => !isSame(held, successor));
  return beside.filter((held, at) => beside.findIndex((one) => isSame(one, held)) === at);
}

export type DropDecision =
  /** No slot holds an old CA. */
  | { readonly kind: "done" }
  /** The new CA moves into the primary in the write that drops the old one; `caReferences` only. */
  | { readonly kind: "promote" }
  | { readonly kind: "clear"; readonly slot: Slot }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/**
 * How the old CA leaves the group. Some clients cannot read a group of references whose primary is empty, so there the new
 * one is promoted. A CA certificate of the group's own cannot move, because DPS does not give it back: its slot is cleared,
 * and the next roll fills it.
 */
export function decideDrop(
  slots: GroupSlots,
  successor: AuthorityIdentity,
  old: readonly AuthorityIdentity[],
): DropDecision {
  const oldSlots = SLOTS.filter((slot) => old.some((authority) => slotsWith(slots, authority).includes(slot)));
  const [slot] = oldSlots;
  if (slot === undefined) return { kind: "done" };
  if (slotsWith(slots, successor).length === 0)
    return refused({
      code: "successor-gone",
      detail:
        "somebody took the new CA out of the group; put it back, or the fleet is locked out when the old one goes",
    });
  return slot === "primary" && slots.family === "caReferences" ? { kind: "promote" } : { kind: "clear", slot };
}

export type ReplaceDecision =
  /** No slot holds a compromised CA, and one holds the new one. */
  | { readonly kind: "done" }
  | { readonly kind: "promote" }
  | { readonly kind: "write"; readonly successor: Slot | undefined; readonly clear: Slot | undefined };

/**
 * How compromised CAs leave the group in one write: the new CA takes the place of the first of them, a second one's slot
 * is cleared. Where the new CA is in the group already, compromised ones are only cleared.
 */
export function decideReplace(
  slots: GroupSlots,
  successor: AuthorityIdentity,
  bad: readonly AuthorityIdentity[],
): ReplaceDecision {
  const [first, second] = SLOTS.filter((slot) => bad.some((authority) => slotsWith(slots, authority).includes(slot)));
  const [present] = slotsWith(slots, successor);
  if (first === undefined) {
    if (present !== undefined) return { kind: "done" };
    const empty = SLOTS.find((slot) => slots[slot] === undefined);
    // A healthy CA in each slot: the group needs no new one.
    return empty === undefined ? { kind: "done" } : { kind: "write", successor: empty, clear: undefined };
  }
  if (present === undefined) return { kind: "write", successor: first, clear: second };
  if (first === "primary" && slots.family === "caReferences") return { kind: "promote" };
  return { kind: "write", successor: undefined, clear: first };
}

export function otherSlot(slot: Slot): Slot {
  return slot === "primary" ? "secondary" : "primary";
}

function refused(refusal: Refusal): { readonly kind: "refused"; readonly refusal: Refusal } {
  return { kind: "refused", refusal };
}
