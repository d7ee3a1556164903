import type { AuthorityName, EnrollmentGroupId, Sha256Thumbprint, Slot } from "../ids";
import { CaGraph } from "./ca-graph";
import { leafOf, nearestGroup, type RefusalReason } from "./first-match";
import { authorityKey, SLOTS, type AuthorityFacts, type FleetEntries, type GroupEntry } from "./fleet-entries";

/** A write at DPS, as the graph sees it. */
export type CaChange =
  | { readonly kind: "clear-slot"; readonly groupId: EnrollmentGroupId; readonly slot: Slot }
  | {
      readonly kind: "set-status";
      readonly groupId: EnrollmentGroupId;
      readonly provisioningStatus: "enabled" | "disabled";
    }
  /** The CA certificate is deleted from DPS; references to its name lead nowhere from then on. */
  | { readonly kind: "delete-authority"; readonly name: AuthorityName }
  | { readonly kind: "add-group"; readonly group: GroupEntry };

/** The graph as it would be after these writes. */
export function withChanges(graph: CaGraph, changes: readonly CaChange[]): CaGraph {
  return new CaGraph(changes.reduce(applied, graph.entries));
}

function applied(entries: FleetEntries, change: CaChange): FleetEntries {
  const onGroup = (groupId: EnrollmentGroupId, edit: (group: GroupEntry) => GroupEntry): FleetEntries => ({
    ...entries,
    groups: entries.groups.map((group) => (group.groupId === groupId ? edit(group) : group)),
    others: [...(entries.others ?? []), ...ownCertificates(entries, groupId)],
  });
  switch (change.kind) {
    case "clear-slot":
      return onGroup(change.groupId, (group) => cleared(group, change.slot));
    case "set-status":
      return onGroup(change.groupId, (group) => ({ ...group, provisioningStatus: change.provisioningStatus }));
    case "delete-authority": {
      const isDeleted = ({ name }: { readonly name: AuthorityName }): boolean =>
        authorityKey(name) === authorityKey(change.name);
      return {
        ...entries,
        authorities: entries.authorities.filter((authority) => !isDeleted(authority)),
        // Devices still present it.
        others: [...(entries.others ?? []), ...entries.authorities.filter(isDeleted)],
      };
    }
    case "add-group":
      return { ...entries, groups: [...entries.groups, change.group] };
    default:
      return change satisfies never;
  }
}

function cleared(group: GroupEntry, slot: Slot): GroupEntry {
  switch (group.trust.kind) {
    case "other":
      return group;
    case "caReferences":
      return { ...group, trust: { ...group.trust, [slot]: undefined } };
    case "signingCertificates":
      return { ...group, trust: { ...group.trust, [slot]: undefined } };
    default:
      return group.trust satisfies never;
  }
}

/** A certificate that leaves a group is still presented by devices. */
function ownCertificates(entries: FleetEntries, groupId: EnrollmentGroupId): AuthorityFacts[] {
  return entries.groups.flatMap(({ groupId: id, trust }) =>
    id === groupId && trust.kind === "signingCertificates" ? SLOTS.flatMap((slot) => trust[slot] ?? []) : [],
  );
}

/** Where leaves of a CA would get in. */
export type WayIn =
  /** `via` stands in this group's slot and lets them in. `sameGroup`: it is the very group that was asked about. */
  | {
      readonly kind: "open";
      readonly groupId: EnrollmentGroupId;
      readonly via: Sha256Thumbprint;
      readonly sameGroup: boolean;
    }
  | { readonly kind: "closed"; readonly reason: RefusalReason; readonly groupId: EnrollmentGroupId | undefined }
  /** Nothing known lets them in, but what stands above is known to the devices only: treat it as open. */
  | { readonly kind: "unknown"; readonly missingIssuers: readonly string[] };

/** Where a leaf that this CA issued directly gets in now. Individual enrollments are not looked at. */
export function wayIn(graph: CaGraph, ca: Sha256Thumbprint, asked?: EnrollmentGroupId): WayIn {
  const certificate = graph.authority(ca);
  if (certificate === undefined) return { kind: "unknown", missingIssuers: [] };
  const leaf = leafOf(certificate);
  const match = nearestGroup(graph, leaf);
  if (match.kind === "accepted" && match.entry.kind === "group" && match.via !== undefined) {
    const { groupId } = match.entry;
    return { kind: "open", groupId, via: match.via, sameGroup: groupId === asked };
  }
  const gaps = graph.gapsAbove(leaf);
  const reason = match.kind === "refused" ? match.reason : "no-entry";
  // A disabled group ends the walk; everything else may be otherwise once the device presents what is missing here.
  if (gaps.length > 0 && reason !== "entry-disabled") return { kind: "unknown", missingIssuers: gaps };
  const groupId = match.entry?.kind === "group" ? match.entry.groupId : undefined;
  return { kind: "closed", reason, groupId };
}

/**
 * The shadow path: where leaves of this CA would get in once the group no longer holds it. `delete`: its object in DPS goes
 * too, under whatever names.
 */
export function fallThrough(
  graph: CaGraph,
  groupId: EnrollmentGroupId,
  withoutCa: Sha256Thumbprint,
  options: { readonly delete?: boolean } = {},
): WayIn {
  const clears = slotsHolding(graph, groupId, withoutCa).map((slot): CaChange => ({
    kind: "clear-slot",
    groupId,
    slot,
  }));
  const deletes = (options.delete === true ? graph.entries.authorities : [])
    .filter(({ sha256Thumbprint }) => sha256Thumbprint === withoutCa)
    .map(({ name }): CaChange => ({ kind: "delete-authority", name }));
  return wayIn(withChanges(graph, [...clears, ...deletes]), withoutCa, groupId);
}

/** The group's slots that hold this certificate, by reference or of its own. */
export function slotsHolding(graph: CaGraph, groupId: EnrollmentGroupId, ca: Sha256Thumbprint): Slot[] {
  const group = graph.group(groupId);
  if (group === undefined) return [];
  return SLOTS.filter((slot) => heldIn(graph, group, slot) === ca);
}

/** The certificate in a group's slot; undefined where it is empty or its name leads nowhere. */
export function heldIn(graph: CaGraph, { trust }: GroupEntry, slot: Slot): Sha256Thumbprint | undefined {
  switch (trust.kind) {
    case "caReferences": {
      const name = trust[slot];
      return name === undefined ? undefined : graph.named(name)?.sha256Thumbprint;
    }
    case "signingCertificates":
      return trust[slot]?.sha256Thumbprint;
    case "other":
      return undefined;
    default:
      return trust satisfies never;
  }
}

/**
 * How to make a compromised intermediate useless without letting its leaves in elsewhere. One per group that holds it, or
 * one for the group above that lets its leaves in.
 *
 * - `replace-in-place` (V-a): once it is out of this group, nothing lets its leaves in.
 * - `disable-and-copy` (V-b): they would fall through to `higher`. Disable this group, which makes it the deny entry, and
 *   enroll the fleet by a new group with the new intermediate.
 * - `deny-group` (V-c): no group holds it; its leaves come in through `higher`. Add a disabled group that holds it: it is
 *   matched first.
 * - `closed`: its leaves get in nowhere already.
 */
export type BreachVariant =
  | { readonly variant: "replace-in-place"; readonly groupId: EnrollmentGroupId; readonly slots: readonly Slot[] }
  | {
      readonly variant: "disable-and-copy";
      readonly groupId: EnrollmentGroupId;
      readonly slots: readonly Slot[];
      /** Undefined where it is not known what stands above. */
      readonly higher: EnrollmentGroupId | undefined;
      readonly missingIssuers: readonly string[];
    }
  | {
      readonly variant: "deny-group";
      readonly higher: EnrollmentGroupId | undefined;
      readonly missingIssuers: readonly string[];
    }
  | { readonly variant: "closed"; readonly groupId: EnrollmentGroupId | undefined };

/** Chooses the variant for a compromised intermediate; see {@link BreachVariant}. Never empty. */
export function breachVariants(graph: CaGraph, ca: Sha256Thumbprint): readonly BreachVariant[] {
  const holders = graph.groupsHolding(ca);
  if (holders.length === 0) return [variantWithoutGroup(wayIn(graph, ca))];
  return holders.map(({ groupId }): BreachVariant => {
    const slots = slotsHolding(graph, groupId, ca);
    const way = fallThrough(graph, groupId, ca);
    if (way.kind === "closed") return { variant: "replace-in-place", groupId, slots };
    return { variant: "disable-and-copy", groupId, slots, ...above(way) };
  });
}

function variantWithoutGroup(way: WayIn): BreachVariant {
  return way.kind === "closed" ? { variant: "closed", groupId: way.groupId } : { variant: "deny-group", ...above(way) };
}

function above(way: Exclude<WayIn, { kind: "closed" }>): {
  readonly higher: EnrollmentGroupId | undefined;
  readonly missingIssuers: readonly string[];
} {
  return way.kind === "open"
    ? { higher: way.groupId, missingIssuers: [] }
    : { higher: undefined, missingIssuers: way.missingIssuers };
}
