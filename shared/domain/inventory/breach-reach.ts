import type { BadAuthorities } from "../enrollment/close-group";
import type { AuthorityName, EnrollmentGroupId, Sha256Thumbprint } from "../ids";
import { breachVariants, fallThrough, withChanges } from "./ca-changes";
import type { CaGraph } from "./ca-graph";
import { descendants, reachOfCa } from "./ca-reach";

/** A group to be closed, and what in it is compromised. */
export interface StruckGroup {
  readonly groupId: EnrollmentGroupId;
  readonly bad: BadAuthorities;
  /** Opened again without its bad slots it would not keep their leaves out: they would get in elsewhere. */
  readonly shadowed: boolean;
}

/** Everything that compromised CA certificates open at DPS. */
export interface Strike {
  readonly groups: readonly StruckGroup[];
  /** Compromised certificates that stand in no group while their leaves come in through one above. */
  readonly deny: readonly { readonly authority: Sha256Thumbprint; readonly higher: EnrollmentGroupId | undefined }[];
  /** Compromised CA certificates of DPS, by name. */
  readonly names: readonly AuthorityName[];
}

/** The certificates of compromised CAs by thumbprint, those that are named as DPS holds them now; each once. */
export function thumbprintsOfBad({ thumbprints, names }: BadAuthorities, graph: CaGraph): Sha256Thumbprint[] {
  return [...new Set([...thumbprints, ...names.flatMap((name) => graph.named(name)?.sha256Thumbprint ?? [])])];
}

/**
 * What must be closed when these CA certificates are compromised: groups that hold one of them or a CA below it, since
 * whoever has a CA's key can make any CA below it, and groups above that let their leaves in. `graph` shows the groups as
 * they were before the roll closed any.
 */
export function strike(graph: CaGraph, compromised: readonly Sha256Thumbprint[]): Strike {
  const under = new Set(compromised.flatMap((ca) => [ca, ...descendants(graph, ca)]));
  const ids = compromised.flatMap((ca) => {
    const { holding, below } = reachOfCa(graph, ca);
    return [...holding, ...below];
  });
  const names = graph.entries.authorities
    .filter(({ sha256Thumbprint }) => under.has(sha256Thumbprint))
    .map(({ name }) => name);
  return {
    groups: [...new Set(ids)].map((groupId) => struck(graph, groupId, under, names)),
    deny: compromised.flatMap((authority) =>
      breachVariants(graph, authority).flatMap((variant) =>
        variant.variant === "deny-group" ? [{ authority, higher: variant.higher }] : [],
      ),
    ),
    names,
  };
}

function struck(
  graph: CaGraph,
  groupId: EnrollmentGroupId,
  under: ReadonlySet<Sha256Thumbprint>,
  names: readonly AuthorityName[],
): StruckGroup {
  const group = graph.group(groupId);
  const thumbprints = (group === undefined ? [] : graph.trusted(group)).filter((thumbprint) => under.has(thumbprint));
  // Judged as if it were open: while it is disabled it ends every walk itself.
  const open = withChanges(graph, [{ kind: "set-status", groupId, provisioningStatus: "enabled" }]);
  const shadowed = thumbprints.some((ca) => fallThrough(open, groupId, ca).kind !== "closed");
  return { groupId, bad: { thumbprints, names: [...names] }, shadowed };
}
