import { EnrollmentGroupId, type RegistrationId, type RollId } from "../domain/ids";
import type { TargetPart } from "../domain/roll/cut-targets";
import { isBreach } from "../domain/roll/playbook";
import type { GroupScope, RollRequest, RollTarget } from "../domain/roll/request";
import type { Registration } from "../ports/enrollments";
import type { IssuanceStore } from "../ports/issuers";
import type { Registrations } from "../ports/registrations";
import type { RollBlobs } from "../ports/stores";
import { documents } from "./roll-documents";

export interface GatherGroupDeps {
  readonly blobs: RollBlobs;
  readonly registrations: Registrations;
  readonly issuance: Pick<IssuanceStore, "listIssued">;
}

/**
 * A page of the devices that registered through the roll's groups: the one of the request, in a breach also the others that
 * the compromised CA reaches. What the request says of a device stands beside what the record says. Devices that it names
 * and DPS has no record of are on the first page. A roll of named leaves is about those alone.
 */
export async function gatherGroup(
  deps: GatherGroupDeps,
  rollId: RollId,
  request: RollRequest,
  scope: GroupScope,
  cursor: string | undefined,
): Promise<TargetPart> {
  const main = EnrollmentGroupId.parse(scope.groupId.toLowerCase());
  const named = request.targets.map((target): RollTarget => ({ ...target, groupId: main }));
  if (scope.authority === "leaf" && named.length > 0) return { targets: named };

  const groups = await groupsOf(deps, rollId, main);
  const at = readCursor(cursor) ?? { groupId: main, page: undefined };
  const { items, next } = await deps.registrations.listByGroup(at.groupId, at.page);
  const byId = new Map(named.map((target) => [target.registrationId, target]));
  const strangers = await strangersAmong(deps, request, items);
  const listed = items.map((registration) => {
    const target = toGroupTarget(registration, at.groupId, byId);
    return strangers.has(registration.registrationId) ? { ...target, rogue: true as const } : target;
  });
  const following = next === undefined ? groups[groups.indexOf(at.groupId) + 1] : at.groupId;
  return {
    targets: cursor === undefined ? [...named, ...listed] : listed,
    ...(following === undefined ? {} : { next: writeCursor(following, next) }),
  };
}

/**
 * Devices that registered first while the CA was in wrong hands and that nobody knows: neither the request names them nor
 * was a leaf issued to them by the app since. Where the request names no devices and does not say since when, nobody is a
 * stranger; all of them are contained either way.
 */
async function strangersAmong(
  { issuance }: GatherGroupDeps,
  { playbook, group, targets, compromisedSince, requestedAt }: RollRequest,
  registrations: readonly Registration[],
): Promise<ReadonlySet<RegistrationId>> {
  if (!isBreach(playbook) || group?.authority === "leaf") return new Set();
  if (compromisedSince === undefined && targets.length === 0) return new Set();
  const since = compromisedSince ?? requestedAt;
  const known = new Set(targets.map(({ registrationId }) => registrationId));
  const isNew = ({ registrationId, createdAt }: Registration): boolean =>
    !known.has(registrationId) && createdAt !== undefined && createdAt >= since;
  const strangers = new Set(registrations.filter(isNew).map(({ registrationId }) => registrationId));
  if (strangers.size === 0) return strangers;
  for (let after: string | undefined, more = true; more;) {
    const page = await issuance.listIssued({ since, limit: 1_000, after });
    for (const { registrationId } of page.issued) strangers.delete(registrationId);
    after = page.next;
    more = after !== undefined;
  }
  return strangers;
}

async function groupsOf(
  { blobs }: GatherGroupDeps,
  rollId: RollId,
  main: EnrollmentGroupId,
): Promise<readonly EnrollmentGroupId[]> {
  const reach = await blobs.findDocument(rollId, documents.breachReach);
  return reach?.groups.map(({ groupId }) => groupId) ?? [main];
}

/** A device of a group as its registration record shows it, with what the request says of it. */
export function toGroupTarget(
  { registrationId, deviceId, assignedHub, status, lastUpdatedAt }: Registration,
  groupId: EnrollmentGroupId,
  named: ReadonlyMap<RegistrationId, RollTarget>,
): RollTarget {
  return {
    ...(named.get(registrationId) ?? { registrationId, compromisedSlots: [], replacement: { kind: "none" } }),
    groupId,
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(assignedHub === undefined ? {} : { assignedHub }),
    listed: {
      assigning: status === "assigning",
      ...(lastUpdatedAt === undefined ? {} : { registeredAt: lastUpdatedAt }),
    },
  };
}

/** Group ids have no space in them. */
function writeCursor(groupId: EnrollmentGroupId, page: string | undefined): string {
  return `${groupId} ${page ?? ""}`;
}

function readCursor(
  cursor: string | undefined,
): { readonly groupId: EnrollmentGroupId; readonly page: string | undefined } | undefined {
  if (cursor === undefined) return undefined;
  const gap = cursor.indexOf(" ");
  const page = cursor.slice(gap + 1);
  return { groupId: EnrollmentGroupId.parse(cursor.slice(0, gap)), page: page === "" ? undefined : page };
}
