import { z } from "zod";
import { AuthorityName, Sha256Thumbprint, type Slot } from "../ids";

/** The CA certificates that a breach is about, in both ways in which a group can hold them. */
export const BadAuthorities = z.object({
  thumbprints: z.array(Sha256Thumbprint),
  /** Names among the CA certificates of DPS. */
  names: z.array(AuthorityName),
});
export type BadAuthorities = z.infer<typeof BadAuthorities>;

/** The parts of an enrollment group that decide which chains DPS accepts. */
export interface TrustingGroup {
  readonly provisioningStatus: "enabled" | "disabled";
  readonly attestation:
    | {
        readonly kind: "caReferences";
        readonly primary: AuthorityName | undefined;
        readonly secondary: AuthorityName | undefined;
      }
    | {
        readonly kind: "signingCertificates";
        readonly primary: { readonly sha256Thumbprint: Sha256Thumbprint } | undefined;
        readonly secondary: { readonly sha256Thumbprint: Sha256Thumbprint } | undefined;
      }
    | { readonly kind: "other" };
}

const SLOTS: readonly Slot[] = ["primary", "secondary"];

/** What a request calls compromised: slots of its group, certificates, or both. */
export interface NamedAuthorities {
  readonly slots?: readonly Slot[] | undefined;
  readonly thumbprints?: readonly Sha256Thumbprint[] | undefined;
}

/**
 * What a breach is about, as far as the group itself shows: the certificates that were named, and those in the slots that
 * were named; everything in it where nothing was named. Whether a name that it refers to is one of the named certificates
 * is not known here.
 */
export function resolveBad(group: TrustingGroup, named: NamedAuthorities): BadAuthorities {
  const thumbprints = new Set(named.thumbprints ?? []);
  const names = new Map<string, AuthorityName>();
  const held = group.attestation;
  const slots = named.slots ?? (thumbprints.size === 0 ? SLOTS : []);
  for (const slot of slots) {
    if (held.kind === "signingCertificates" && held[slot] !== undefined) thumbprints.add(held[slot].sha256Thumbprint);
    if (held.kind === "caReferences") for (const [key, name] of lowered(held[slot])) names.set(key, name);
  }
  return { thumbprints: [...thumbprints], names: [...names.values()] };
}

/** The group's slots with a compromised CA in them. */
export function badSlots({ attestation: held }: TrustingGroup, bad: BadAuthorities): Slot[] {
  switch (held.kind) {
    case "caReferences":
      return SLOTS.filter((slot) => bad.names.some((name) => name.toLowerCase() === held[slot]?.toLowerCase()));
    case "signingCertificates":
      return SLOTS.filter((slot) => {
        const thumbprint = held[slot]?.sha256Thumbprint;
        return thumbprint !== undefined && bad.thumbprints.includes(thumbprint);
      });
    case "other":
      return [];
    default:
      return held satisfies never;
  }
}

/** The group's slots with a CA in them that nobody called compromised. */
export function healthySlots(group: TrustingGroup, bad: BadAuthorities): Slot[] {
  const { attestation: held } = group;
  if (held.kind === "other") return [];
  const wrong = badSlots(group, bad);
  return SLOTS.filter((slot) => held[slot] !== undefined && !wrong.includes(slot));
}

/**
 * How a closed group can be opened again for those who are not concerned. `clear`: without the bad slots it lets only the
 * others in, because leaves of the compromised CA find no other entry. `stay`: it is itself what keeps them out.
 */
export type Narrowing =
  | { readonly kind: "stay" }
  | { readonly kind: "clear"; readonly slots: readonly Slot[] }
  /** The same for references: the healthy secondary becomes the primary, because some clients cannot read an empty one. */
  | { readonly kind: "promote" };

/** Decides it for a group that holds the compromised CA. `shadowed`: without this group its leaves might get in elsewhere. */
export function decideNarrowing(group: TrustingGroup, bad: BadAuthorities, shadowed: boolean): Narrowing {
  const wrong = badSlots(group, bad);
  if (shadowed || wrong.length === 0 || healthySlots(group, bad).length === 0) return { kind: "stay" };
  return group.attestation.kind === "caReferences" && wrong.includes("primary")
    ? { kind: "promote" }
    : { kind: "clear", slots: wrong };
}

/**
 * True if the group, as just read, lets no leaf of the compromised CA in. One that never held the CA itself, but let its
 * leaves in from above, does so only while it is disabled.
 */
export function isClosedToAuthorities(group: TrustingGroup, bad: BadAuthorities, heldIt: boolean): boolean {
  return group.provisioningStatus === "disabled" || (heldIt && badSlots(group, bad).length === 0);
}

function lowered(name: AuthorityName | undefined): [string, AuthorityName][] {
  return name === undefined ? [] : [[name.toLowerCase(), name]];
}
