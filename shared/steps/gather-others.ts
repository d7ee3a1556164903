import type { gatherOthers } from "../contract/examination";
import { EnrollmentGroupId, type RollId } from "../domain/ids";
import type { TargetPart } from "../domain/roll/cut-targets";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Clock } from "../ports/clock";
import type { Enrollments, ListedEnrollment } from "../ports/enrollments";
import type { Registrations } from "../ports/registrations";
import type { RollBlobs } from "../ports/stores";
import { groupScope, idOf } from "./close-group";
import { examineShard, type ExamineShardDeps } from "./examine-shard";
import { toGroupTarget } from "./gather-group";
import { pieceOf } from "./inventory/gather-dps";
import { documents, type BreachReach } from "./roll-documents";
import type { Step } from "./step";

export interface GatherOthersDeps extends ExamineShardDeps {
  readonly clock: Clock;
  readonly blobs: RollBlobs;
  readonly enrollments: Enrollments;
  readonly registrations: Registrations;
}

/** Where a look through DPS goes on: the groups that the first list left out, then all individual enrollments. */
type Place =
  | { readonly in: "group"; readonly groupId: EnrollmentGroupId; readonly token: string | undefined }
  | { readonly in: "individuals"; readonly token: string | undefined };

/**
 * Stores one piece of what the first target list could not show. The first write of a part stands, with the cursor that
 * follows it. Whoever is in a batch already is sorted out when the pieces are cut.
 */
export function createGatherOthers(deps: GatherOthersDeps): Step<typeof gatherOthers> {
  return async ({ rollId, at, groups, part, cursor }) => {
    const document = documents.otherPart(at, part);
    const stored = await deps.blobs.findDocument(rollId, document);
    if (stored === undefined) {
      const request = await deps.blobs.getRequest(rollId);
      const reach = await reachOf(deps, rollId);
      await deps.blobs.putDocument(
        rollId,
        document,
        at === "hubs"
          ? await examineShard(deps, rollId, request, reach, Number(cursor ?? 0))
          : await atDps(deps, request, reach, groups, cursor),
      );
    }
    const { targets, next } = stored ?? (await deps.blobs.findDocument(rollId, document)) ?? EMPTY;
    return { devices: targets.length, ...(next === undefined ? {} : { next }) };
  };
}

const EMPTY: TargetPart = { targets: [] };

async function reachOf({ blobs }: GatherOthersDeps, rollId: RollId): Promise<BreachReach> {
  const reach = await blobs.findDocument(rollId, documents.breachReach);
  if (reach === undefined) throw new RollError("store-corrupt", `what roll ${rollId} closed is not on record`, false);
  return reach;
}

async function atDps(
  deps: GatherOthersDeps,
  request: RollRequest,
  reach: BreachReach,
  groups: boolean,
  cursor: string | undefined,
): Promise<TargetPart> {
  const main = idOf(groupScope(request));
  const others = groups ? reach.groups.map(({ groupId }) => groupId).filter((groupId) => groupId !== main) : [];
  const place = readPlace(cursor) ?? placeAfter(others, undefined);
  if (place.in === "individuals") {
    const { items, next } = await pieceOf(deps.clock, place.token, (token) => deps.enrollments.list(token));
    const names = new Set(reach.names.map((name) => name.toLowerCase()));
    const targets = items.filter((entry) => refersTo(entry, names)).map(toEntryTarget);
    return { targets, ...(next === undefined ? {} : { next: writePlace({ in: "individuals", token: next }) }) };
  }
  const { groupId } = place;
  const { items, next } = await pieceOf(deps.clock, place.token, (token) =>
    deps.registrations.listByGroup(groupId, token),
  );
  const targets = items.map((item): RollTarget => ({ ...toGroupTarget(item, groupId, NOBODY), found: "late" }));
  const following = next === undefined ? placeAfter(others, groupId) : { ...place, token: next };
  return { targets, next: writePlace(following) };
}

const NOBODY: ReadonlyMap<RollTarget["registrationId"], RollTarget> = new Map();

function refersTo({ caReferences }: ListedEnrollment, names: ReadonlySet<string>): boolean {
  return caReferences.some((name) => names.has(name.toLowerCase()));
}

/** Any leaf of the CA opens the entry, so that nothing in it is healthy. */
function toEntryTarget({ registrationId, deviceId: named, registration }: ListedEnrollment): RollTarget {
  const deviceId = registration?.deviceId ?? named;
  return {
    registrationId,
    compromisedSlots: ["primary", "secondary"],
    replacement: { kind: "none" },
    found: "entry",
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(registration?.assignedHub === undefined ? {} : { assignedHub: registration.assignedHub }),
  };
}

function placeAfter(groups: readonly EnrollmentGroupId[], groupId: EnrollmentGroupId | undefined): Place {
  const next = groups[groupId === undefined ? 0 : groups.indexOf(groupId) + 1];
  return next === undefined
    ? { in: "individuals", token: undefined }
    : { in: "group", groupId: next, token: undefined };
}

/** Group ids have no space in them, and none is empty. */
function writePlace(place: Place): string {
  return `${place.in === "group" ? place.groupId : ""} ${place.token ?? ""}`;
}

function readPlace(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const gap = cursor.indexOf(" ");
  const token = cursor.slice(gap + 1) === "" ? undefined : cursor.slice(gap + 1);
  return gap === 0
    ? { in: "individuals", token }
    : { in: "group", groupId: EnrollmentGroupId.parse(cursor.slice(0, gap)), token };
}
