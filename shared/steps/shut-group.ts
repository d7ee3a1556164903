import { badSlots, isClosedToAuthorities, type BadAuthorities } from "../domain/enrollment/close-group";
import type { EnrollmentGroupId, RollId } from "../domain/ids";
import type { EnrollmentGroup, EnrollmentGroups, GroupChange } from "../ports/enrollment-groups";
import type { RollBlobs } from "../ports/stores";
import { knownBad } from "./group-guard";
import { journalled, type JournalDeps } from "./journalled";
import { documents, type GroupSeen } from "./roll-documents";

export interface ShutGroupDeps extends JournalDeps {
  readonly blobs: RollBlobs;
  readonly groups: EnrollmentGroups;
}

/** How often a lost race is decided again within one run. */
const PASSES = 5;

export type ShutOutcome =
  | { readonly outcome: "closed"; readonly group: EnrollmentGroup }
  | { readonly outcome: "missing" }
  | { readonly outcome: "refused"; readonly detail: string }
  /** Others wrote it each time. */
  | { readonly outcome: "contended" };

/**
 * Makes a group let no leaf of the compromised CA in: reads, disables in a write guarded by the ETag, decides again after a
 * lost race. How it stood when the roll saw it first is kept, because whoever opens it again must know.
 */
export async function shutGroup(
  deps: ShutGroupDeps,
  rollId: RollId,
  groupId: EnrollmentGroupId,
  resolve: (group: EnrollmentGroup) => BadAuthorities,
): Promise<ShutOutcome> {
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const reading = await deps.groups.get(groupId);
    if (reading.outcome === "missing") return reading;
    const { group } = reading;
    const seen = await remember(deps, rollId, group, resolve);
    const { bad, heldIt } = (await knownBad(deps, rollId, groupId)) ?? seen;
    if (isClosedToAuthorities(group, bad, heldIt)) return { outcome: "closed", group };
    const written = await putGroup(deps, rollId, group, "close", disabled);
    if (written.outcome === "missing") return written;
    if (written.outcome === "refused") return { outcome: "refused", detail: written.detail };
  }
  return { outcome: "contended" };
}

const KEEP = { kind: "keep" } as const;
const disabled: GroupChange = { slots: { primary: KEEP, secondary: KEEP }, provisioningStatus: "disabled" };

/** One guarded and journalled write of a group. */
export async function putGroup(
  deps: ShutGroupDeps,
  rollId: RollId,
  group: EnrollmentGroup,
  action: string,
  change: GroupChange,
): ReturnType<EnrollmentGroups["put"]> {
  const write = {
    step: "close-group",
    target: `group ${group.groupId}`,
    action,
    guard: group.etag,
    before: describe(group),
    after: describeChange(change),
  };
  return journalled(deps, rollId, write, () => deps.groups.put(group, change));
}

/** Noted once, before this roll's first write. */
async function remember(
  { blobs }: ShutGroupDeps,
  rollId: RollId,
  group: EnrollmentGroup,
  resolve: (group: EnrollmentGroup) => BadAuthorities,
): Promise<GroupSeen> {
  const document = documents.groupSeen(group.groupId);
  const known = await blobs.findDocument(rollId, document);
  if (known !== undefined) return known;
  const bad = resolve(group);
  const { groupId, provisioningStatus } = group;
  await blobs.putDocument(rollId, document, {
    groupId,
    provisioningStatus,
    bad,
    heldIt: badSlots(group, bad).length > 0,
  });
  const stands = await blobs.findDocument(rollId, document);
  if (stands === undefined) throw new Error("a document that was just written is gone");
  return stands;
}

function describe({ provisioningStatus, attestation: held }: EnrollmentGroup): string {
  switch (held.kind) {
    case "caReferences":
      return `${provisioningStatus} primary=${held.primary ?? "-"} secondary=${held.secondary ?? "-"}`;
    case "signingCertificates":
      return `${provisioningStatus} primary=${held.primary?.sha256Thumbprint ?? "-"} secondary=${held.secondary?.sha256Thumbprint ?? "-"}`;
    case "other":
      return `${provisioningStatus} ${held.type}`;
    default:
      return held satisfies never;
  }
}

function describeChange({ slots, provisioningStatus }: GroupChange): string {
  if (slots === "promote") return `${provisioningStatus} promote`;
  return `${provisioningStatus} primary=${slots.primary.kind} secondary=${slots.secondary.kind}`;
}
