import type { HubHostName, RollId, Sha256Thumbprint, Slot } from "../ids";

/** The parts of a hub identity that decide which certificates open a connection. */
export interface Identity {
  readonly status: "enabled" | "disabled";
  readonly authentication: "selfSigned" | "certificateAuthority" | "sas" | "none";
  readonly primaryThumbprint: string | undefined;
  readonly secondaryThumbprint: string | undefined;
}

/**
 * What an identity may accept while a roll contains it: our own sentinels and the leaves that are planned or healthy. An
 * allow set, never a deny set: after a breach an attacker can hold a leaf that nobody listed.
 */
export interface AllowSet {
  readonly leaves: readonly Sha256Thumbprint[];
  readonly sentinels: readonly Sha256Thumbprint[];
}

/**
 * The text whose SHA-256 is a sentinel: a thumbprint that no certificate has. The same activity run twice writes the same
 * one; each round, slot, device and hub has its own. `name`: the device's id, or `device/module`.
 */
export function sentinelText(rollId: RollId, hub: HubHostName, name: string, slot: Slot, round: number): string {
  return `rollcall-sentinel|${rollId}|${hub}|${name}|${slot}|${round}`;
}

/** Where an identity stands against the allow set. */
export type Standing =
  /** No certificate opens it: absent, or it authenticates by another method than certificates. */
  | "no-certificate"
  /** Both thumbprints are ours. */
  | "sentinels"
  /** Both thumbprints are allowed leaves (DPS wrote them, or they stood there before). */
  | "allowed"
  /** Anything else: something opens this identity that must not. */
  | "foreign";

export function standing(identity: Identity | undefined, allow: AllowSet): Standing {
  if (identity === undefined || identity.authentication === "sas" || identity.authentication === "none")
    return "no-certificate";
  // Any certificate of a hub-registered CA would do, whatever the thumbprints say.
  if (identity.authentication === "certificateAuthority") return "foreign";
  const held = [identity.primaryThumbprint, identity.secondaryThumbprint].filter((t) => t !== undefined && t !== "");
  if (held.every((thumbprint) => allow.sentinels.some((sentinel) => sentinel === thumbprint)))
    return held.length === 0 ? "no-certificate" : "sentinels";
  const ours = new Set<string>([...allow.leaves, ...allow.sentinels]);
  return held.every((thumbprint) => thumbprint !== undefined && ours.has(thumbprint)) ? "allowed" : "foreign";
}

/** First write of a containment: cut the sessions and every certificate. `done` if the identity already stands so. */
export type HoldDecision = { readonly kind: "done" | "nothing" | "write" };

export function decideHold(identity: Identity | undefined, allow: AllowSet): HoldDecision {
  const now = standing(identity, allow);
  if (identity === undefined || now === "no-certificate") return { kind: "nothing" };
  return { kind: now === "sentinels" && identity.status === "disabled" ? "done" : "write" };
}

/**
 * Second write, after the hold: status as before the roll; thumbprints as read if they are allowed leaves, else sentinels.
 * `hold-again` if something foreign appeared while the identity was enabled: a session may have been opened with it.
 */
export type ReleaseDecision =
  | { readonly kind: "nothing" }
  | { readonly kind: "done" }
  | { readonly kind: "hold-again" }
  /** It stays disabled until DPS has written an allowed leaf. */
  | { readonly kind: "park" }
  | { readonly kind: "write"; readonly thumbprints: "as-read" | "sentinel" };

/** `park`: containment `disable`, and it has not waited for too long. */
export function decideRelease(
  identity: Identity | undefined,
  allow: AllowSet,
  statusBefore: "enabled" | "disabled",
  park = false,
): ReleaseDecision {
  const now = standing(identity, allow);
  if (identity === undefined || now === "no-certificate") return { kind: "nothing" };
  if (now === "foreign") {
    return identity.status === "enabled" ? { kind: "hold-again" } : { kind: "write", thumbprints: "sentinel" };
  }
  if (identity.status === statusBefore) return { kind: "done" };
  if (park && now === "sentinels") return { kind: "park" };
  return { kind: "write", thumbprints: now === "allowed" ? "as-read" : "sentinel" };
}
