import type { Sha256Thumbprint } from "../ids";
import type { Entry } from "./close-entry";

/** What an individual enrollment does to a device that a group would let in. */
export type PinKind =
  /** Enabled with the new leaf: the device comes in by it alone. */
  | "pin"
  /** Disabled: the device does not come in at all. */
  | "deny";

export type PinDecision =
  | { readonly kind: "closed"; readonly pin: PinKind }
  /** There is no entry yet. */
  | { readonly kind: "create"; readonly pin: PinKind }
  /** `set`: the new leaf takes the primary slot and is alone; else only the status changes. */
  | { readonly kind: "write"; readonly pin: PinKind; readonly set: boolean };

/**
 * Decides the entry that keeps a group's device out while its old leaf lasts, in one write. A new leaf that is known makes it
 * a pin; otherwise, and where a pin has been seen to let the old leaf through, it is disabled. Whatever else stands in it
 * counts as old.
 * @param entry as just read; undefined: there is none
 */
export function decidePin(entry: Entry | undefined, leaf: Sha256Thumbprint | undefined): PinDecision {
  const pin: PinKind = leaf === undefined ? "deny" : "pin";
  if (entry === undefined) return { kind: "create", pin };
  const disabled = entry.provisioningStatus === "disabled";
  if (leaf === undefined) return disabled ? { kind: "closed", pin } : { kind: "write", pin, set: false };
  const alone = holdsOnly(entry, leaf);
  return alone && !disabled ? { kind: "closed", pin } : { kind: "write", pin, set: !alone };
}

/** True if the entry, as just read, lets nothing in but this leaf. */
export function isPinned(entry: Entry | undefined, leaf: Sha256Thumbprint | undefined): boolean {
  if (entry === undefined) return false;
  return entry.provisioningStatus === "disabled" || (leaf !== undefined && holdsOnly(entry, leaf));
}

function holdsOnly({ primary, secondary }: Entry, leaf: Sha256Thumbprint): boolean {
  // DPS shows a single certificate in both slots.
  return [primary, secondary].every((slot) => slot === undefined || slot.sha256Thumbprint === leaf);
}
