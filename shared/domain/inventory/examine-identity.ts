import type { EnrollmentGroupId, Sha256Thumbprint } from "../ids";
import type { Instant } from "../instant";
import type { DeviceRecord } from "./records";

/** What is known beside the inventory that was taken after a CA's breach was contained. */
export interface ExaminedAgainst {
  /** Since when the CA may have been in wrong hands; undefined: nobody knows, so that nothing older speaks for a device. */
  readonly since: Instant | undefined;
  /** Groups that the compromised CA opened. */
  readonly struck: ReadonlySet<EnrollmentGroupId>;
  /** Whoever registered through such a group before stands on its list. */
  readonly listedFrom: Instant;
  /** The device as an inventory from before `since` had it. */
  readonly before: DeviceRecord | undefined;
  /** Leaves that the app had issued: whoever made a CA key his own does not have theirs. */
  readonly isIssued: (thumbprint: string) => boolean;
}

/**
 * What an identity means that no list of the affected groups has shown yet. `listed`: it came through such a group since the
 * list was read. `no-record`: DPS has no record of how it came to be, as after somebody has deleted it. `changed`: its hub
 * holds another certificate than before the breach, and DPS says of no registration that could have written it.
 */
export type Examination =
  | { readonly kind: "untouched" }
  | { readonly kind: "contain"; readonly because: "listed" | "no-record" | "changed"; readonly isNew: boolean };

/** Decides whether a CA's key can have made what a hub accepts for this device. */
export function examineIdentity(device: DeviceRecord, o: ExaminedAgainst): Examination {
  const held = thumbprintsOf(device);
  // Shared keys are none of a CA's business.
  if (held.length === 0) return UNTOUCHED;
  const isNew = o.before === undefined;
  const { enrollment, groupId, registration } = device;
  if (groupId !== undefined && o.struck.has(groupId))
    return (registration?.at ?? 0) >= o.listedFrom ? { kind: "contain", because: "listed", isNew } : UNTOUCHED;
  if (held.every((thumbprint) => o.isIssued(thumbprint))) return UNTOUCHED;
  if (o.before !== undefined && sameAs(held, thumbprintsOf(o.before))) return UNTOUCHED;
  if (enrollment === undefined && groupId === undefined) return { kind: "contain", because: "no-record", isNew };

  const enrolled: readonly (Sha256Thumbprint | undefined)[] = [
    enrollment?.primary?.sha256Thumbprint,
    enrollment?.secondary?.sha256Thumbprint,
  ];
  if (held.every((thumbprint) => enrolled.some((one) => one === thumbprint))) return UNTOUCHED;
  // What it was before is not known: then nothing says that it changed.
  if (o.before === undefined || o.since === undefined) return UNTOUCHED;
  // An entry that nobody suspects let it in since.
  if (registration?.at !== undefined && registration.at >= o.since) return UNTOUCHED;
  return { kind: "contain", because: "changed", isNew: false };
}

const UNTOUCHED: Examination = { kind: "untouched" };

/** What opens the device's identities by certificate; a hub-registered CA's name stands for all that it signs. */
function thumbprintsOf({ identities }: DeviceRecord): string[] {
  return identities.flatMap(({ hub, authentication, primaryThumbprint, secondaryThumbprint }) => {
    if (authentication === "certificateAuthority") return [`any@${hub}`];
    return authentication === "selfSigned"
      ? [primaryThumbprint, secondaryThumbprint].flatMap((thumbprint) => thumbprint ?? [])
      : [];
  });
}

function sameAs(now: readonly string[], before: readonly string[]): boolean {
  return now.every((thumbprint) => before.includes(thumbprint));
}
