import type { AuthorityName, Sha256Thumbprint, Slot } from "../ids";

/** The parts of an individual enrollment that decide which certificates DPS accepts. */
export interface Entry {
  readonly provisioningStatus: "enabled" | "disabled";
  readonly primary: { readonly sha256Thumbprint: Sha256Thumbprint } | undefined;
  readonly secondary: { readonly sha256Thumbprint: Sha256Thumbprint } | undefined;
  /** CA certificates that it refers to instead of holding a leaf; absent or empty as a rule. */
  readonly caReferences?: readonly AuthorityName[];
}

/** What to do with a slot; `set` puts the planned leaf there. */
export type SlotDecision = "keep" | "clear" | "set";

export type CloseDecision =
  /** The entry accepts no bad certificate, and the planned leaf stands in it where there is one. */
  | { readonly kind: "closed"; readonly disabled: boolean }
  | {
      readonly kind: "write";
      readonly primary: SlotDecision;
      readonly secondary: SlotDecision;
      readonly provisioningStatus: "enabled" | "disabled";
      readonly disabled: boolean;
    };

/**
 * The thumbprints that must go: those in the compromised slots, and the compromised certificate itself wherever it stands
 * (DPS shows a single certificate in both slots).
 */
export function badThumbprints(
  entry: Entry,
  compromisedSlots: readonly Slot[],
  compromised: Sha256Thumbprint | undefined,
): Sha256Thumbprint[] {
  const bad = new Set<Sha256Thumbprint>(compromised === undefined ? [] : [compromised]);
  for (const slot of compromisedSlots) {
    const held = entry[slot];
    if (held !== undefined) bad.add(held.sha256Thumbprint);
  }
  return [...bad];
}

/** Certificates in the entry that nobody named as compromised: the device may go on with them. */
export function healthyThumbprints(entry: Entry, bad: readonly Sha256Thumbprint[]): Sha256Thumbprint[] {
  return [entry.primary, entry.secondary]
    .flatMap((slot) => (slot === undefined ? [] : [slot.sha256Thumbprint]))
    .filter((thumbprint, at, all) => !bad.includes(thumbprint) && all.indexOf(thumbprint) === at);
}

/**
 * Decides the one write that closes an entry to the bad certificates. A known new leaf takes the first freed slot; if
 * nothing healthy would remain the entry is disabled and keeps its slots, because DPS wants at least one filled.
 * An entry that was disabled before this roll stays disabled.
 */
export function decideClose(
  entry: Entry,
  bad: readonly Sha256Thumbprint[],
  planned: Sha256Thumbprint | undefined,
  disabledByUs: boolean,
): CloseDecision {
  const isBad = (slot: Entry[Slot]): boolean => slot !== undefined && bad.includes(slot.sha256Thumbprint);
  const healthy = healthyThumbprints(entry, bad);
  const missing = planned !== undefined && !healthy.includes(planned);
  const place = missing ? placeFor(entry, isBad) : undefined;

  if (healthy.length === 0 && place === undefined) {
    return entry.provisioningStatus === "disabled"
      ? { kind: "closed", disabled: true }
      : { kind: "write", primary: "keep", secondary: "keep", provisioningStatus: "disabled", disabled: true };
  }
  const decide = (slot: Slot): SlotDecision => (slot === place ? "set" : isBad(entry[slot]) ? "clear" : "keep");
  const primary = decide("primary");
  const secondary = decide("secondary");
  const stays = entry.provisioningStatus === "disabled" && !disabledByUs;
  const provisioningStatus = stays ? "disabled" : "enabled";
  if (primary === "keep" && secondary === "keep" && provisioningStatus === entry.provisioningStatus) {
    return { kind: "closed", disabled: provisioningStatus === "disabled" };
  }
  return { kind: "write", primary, secondary, provisioningStatus, disabled: provisioningStatus === "disabled" };
}

/** A freed slot first, then an empty one; none if both hold healthy certificates. */
function placeFor(entry: Entry, isBad: (slot: Entry[Slot]) => boolean): Slot | undefined {
  const slots: readonly Slot[] = ["primary", "secondary"];
  return slots.find((slot) => isBad(entry[slot])) ?? slots.find((slot) => entry[slot] === undefined);
}

/** True if the entry, as just read, accepts none of the bad certificates. One that takes any leaf of a CA is closed by nothing but its status. */
export function isClosedTo(entry: Entry, bad: readonly Sha256Thumbprint[]): boolean {
  if (entry.provisioningStatus === "disabled") return true;
  if ((entry.caReferences ?? []).length > 0) return false;
  return ![entry.primary, entry.secondary].some((slot) => slot !== undefined && bad.includes(slot.sha256Thumbprint));
}
