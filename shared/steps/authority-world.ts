import type { GroupSlots, HeldAuthority } from "../domain/authority/slots";
import { authorityKey } from "../domain/inventory/fleet-entries";
import { AuthorityPlan } from "../domain/authority/plan";
import type { RollTrust } from "../domain/authority/roll-trust";
import type { AuthorityName, RollId, Slot } from "../domain/ids";
import type { Refusal } from "../domain/roll/device-row";
import type { Authority } from "../ports/authorities";
import type { EnrollmentGroup, GroupSlotChange } from "../ports/enrollment-groups";
import type { Document, RollBlobs, RollStore } from "../ports/stores";

/** What a CA roll will do, frozen by its first step. */
export const authorityPlan: Document<AuthorityPlan> = { name: "authority", schema: AuthorityPlan };

/** The frozen plan of a roll that has one to carry out. A bug if there is none: the orchestrator asks first. */
export async function frozenPlan(blobs: RollBlobs, rollId: RollId): Promise<AuthorityPlan> {
  const plan = await blobs.findDocument(rollId, authorityPlan);
  if (plan === undefined) throw new Error("the roll has no CA that takes over");
  return plan;
}

/** The group's slots with references looked up; undefined for a group without X.509 slots. */
export function slotsOf({ attestation }: EnrollmentGroup, authorities: readonly Authority[]): GroupSlots | undefined {
  switch (attestation.kind) {
    case "other":
      return undefined;
    case "signingCertificates":
      return {
        family: attestation.kind,
        primary: asHeld(attestation.primary),
        secondary: asHeld(attestation.secondary),
      };
    case "caReferences":
      return {
        family: attestation.kind,
        primary: lookedUp(attestation.primary, authorities),
        secondary: lookedUp(attestation.secondary, authorities),
      };
    default:
      return attestation satisfies never;
  }
}

function asHeld(held: Omit<HeldAuthority, "name"> | undefined): HeldAuthority | undefined {
  if (held === undefined) return undefined;
  const { sha256Thumbprint, notAfter } = held;
  return { name: undefined, sha256Thumbprint, notAfter };
}

function lookedUp(name: AuthorityName | undefined, authorities: readonly Authority[]): HeldAuthority | undefined {
  if (name === undefined) return undefined;
  const certificate = findAuthority(authorities, name)?.certificate;
  return { name, sha256Thumbprint: certificate?.sha256Thumbprint, notAfter: certificate?.notAfter };
}

export function findAuthority(authorities: readonly Authority[], name: AuthorityName): Authority | undefined {
  return authorities.find((one) => authorityKey(one.name) === authorityKey(name));
}

/** The write that brings the successor into a slot, in the group's own way of holding CAs. */
export function fillWith({ family, successor }: Pick<AuthorityPlan, "family" | "successor">): GroupSlotChange {
  if (family === "signingCertificates") return { kind: "set", certificatePem: successor.certificatePem };
  if (successor.name === undefined) throw new Error("a CA that is referred to has a name");
  return { kind: "refer", authority: successor.name };
}

/** Both slots, where `changes` says nothing as they are. */
export function slotChanges(changes: Partial<Record<Slot, GroupSlotChange>>): Record<Slot, GroupSlotChange> {
  return { primary: { kind: "keep" }, secondary: { kind: "keep" }, ...changes };
}

/** For the journal: what a group trusts, by names and thumbprints. */
export function describeGroup({ attestation, provisioningStatus }: EnrollmentGroup): string {
  if (attestation.kind === "other") return `${provisioningStatus} ${attestation.type}`;
  const of = (slot: Slot): string => {
    const held = attestation[slot];
    return typeof held === "string" ? held : (held?.sha256Thumbprint ?? "-");
  };
  return `${provisioningStatus} primary=${of("primary")} secondary=${of("secondary")}`;
}

/** Notes in the roll's header how the CA roll stands; safe to run twice. */
export async function noteTrust(
  rolls: RollStore,
  rollId: RollId,
  change: (trust: RollTrust) => RollTrust,
): Promise<void> {
  await rolls.update(rollId, (roll) => ({ ...roll, trust: change(roll.trust ?? { old: [], warnings: [] }) }));
}

/** Notes why the new CA does not get in, and answers the code for the orchestrator. */
export async function noteRefusal<O extends string>(
  rolls: RollStore,
  rollId: RollId,
  outcome: O,
  refusal: Refusal,
): Promise<{ readonly outcome: O; readonly code: string }> {
  await noteTrust(rolls, rollId, (trust) => ({ ...trust, refusal }));
  return { outcome, code: refusal.code };
}

/** The same trust without what a refusal or a wait had put there. */
export function withoutHindrance({ refusal: _refusal, possession: _possession, ...trust }: RollTrust): RollTrust {
  return trust;
}
