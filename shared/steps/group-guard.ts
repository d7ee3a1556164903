import { isClosedToAuthorities, type BadAuthorities } from "../domain/enrollment/close-group";
import type { EnrollmentGroupId, RollId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollError } from "../domain/roll-error";
import type { EnrollmentGroup, EnrollmentGroups } from "../ports/enrollment-groups";
import type { Clock } from "../ports/clock";
import type { RollBlobs } from "../ports/stores";
import { documents, type BreachReach, type GroupSeen } from "./roll-documents";
import { orOutage } from "./side-by-side";

export interface GroupGuardDeps {
  readonly blobs: RollBlobs;
  readonly groups: EnrollmentGroups;
}

/** What a fresh read of DPS says of a group that a breach roll closed. */
export type GroupGuard =
  | {
      readonly kind: "closed";
      readonly group: EnrollmentGroup;
      /** The roll had found it open in between: its last write closed it again. */
      readonly closedAgainAt: Instant | undefined;
    }
  /** It, or the group that denies the compromised CA in its place, lets that CA's leaves in again. */
  | { readonly kind: "open" }
  /** Nobody registers through a group that is gone. */
  | { readonly kind: "missing" };

/** Reads the groups of these rows, once each: a batch's devices share one as a rule. An outage is a value. */
export async function readGuards(
  deps: GroupGuardDeps,
  rollId: RollId,
  rows: readonly DeviceRow[],
): Promise<ReadonlyMap<EnrollmentGroupId, GroupGuard | RollError>> {
  const ids = new Set(rows.flatMap(({ group }) => (group === undefined ? [] : [group])));
  const guards = new Map<EnrollmentGroupId, GroupGuard | RollError>();
  for (const groupId of ids) guards.set(groupId, await orOutage(readGuard(deps, rollId, groupId)));
  return guards;
}

async function readGuard(deps: GroupGuardDeps, rollId: RollId, groupId: EnrollmentGroupId): Promise<GroupGuard> {
  const reading = await deps.groups.get(groupId);
  if (reading.outcome === "missing") return { kind: "missing" };
  const { group } = reading;
  const reach = await deps.blobs.findDocument(rollId, documents.breachReach);
  const { bad, heldIt } = (await knownBad(deps, rollId, groupId)) ?? { bad: NOTHING, heldIt: false };
  const closed =
    isClosedToAuthorities(group, bad, heldIt) || (reach?.mayReopen === true && (await isDenied(deps, reach)));
  if (!closed) return { kind: "open" };
  const reopened = await deps.blobs.findDocument(rollId, documents.groupReopened(groupId));
  return { kind: "closed", group, closedAgainAt: reopened === undefined ? undefined : group.lastUpdatedAt };
}

/** The moment from which on nothing of the compromised CA can have registered, where that is not the closing itself. */
export function againAt(guard: GroupGuard): Instant | undefined {
  return guard.kind === "closed" ? guard.closedAgainAt : undefined;
}

/**
 * Notes that a group which this roll had closed was found open to the compromised CA, before it is closed again: what came
 * in meanwhile must not pass for a device that came back.
 */
export async function noteReopened(
  { blobs, clock }: { readonly blobs: RollBlobs; readonly clock: Clock },
  rollId: RollId,
  group: EnrollmentGroup,
  seen: GroupSeen,
): Promise<void> {
  if (isClosedToAuthorities(group, seen.bad, seen.heldIt)) return;
  await blobs.putDocument(rollId, documents.groupReopened(group.groupId), { foundAt: clock.now() });
}

const NOTHING: BadAuthorities = { thumbprints: [], names: [] };

/** What in this group is compromised: by the CA graph where it could be read, else by the group itself. */
export async function knownBad(
  { blobs }: Pick<GroupGuardDeps, "blobs">,
  rollId: RollId,
  groupId: EnrollmentGroupId,
): Promise<{ readonly bad: BadAuthorities; readonly heldIt: boolean } | undefined> {
  const reach = await blobs.findDocument(rollId, documents.breachReach);
  const struck = reach?.groups.find((group) => group.groupId === groupId);
  return struck ?? (await blobs.findDocument(rollId, documents.groupSeen(groupId)));
}

/** True if groups of our own, freshly read, deny all that the group above would let in. */
async function isDenied({ groups }: GroupGuardDeps, reach: BreachReach): Promise<boolean> {
  for (const { groupId, authority } of reach.denyGroups) {
    const reading = await groups.get(groupId);
    if (reading.outcome === "missing") return false;
    const { provisioningStatus, attestation: held } = reading.group;
    const holds = held.kind === "signingCertificates" && held.primary?.sha256Thumbprint === authority;
    if (provisioningStatus === "enabled" || !holds) return false;
  }
  return true;
}
