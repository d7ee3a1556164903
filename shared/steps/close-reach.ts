import type { closeReach } from "../contract/group-breach";
import type { DenyEntry } from "../domain/deny-entry";
import { decideNarrowing } from "../domain/enrollment/close-group";
import { EnrollmentGroupId, type RollId, type Sha256Thumbprint } from "../domain/ids";
import { strike, thumbprintsOfBad, type StruckGroup } from "../domain/inventory/breach-reach";
import { withChanges } from "../domain/inventory/ca-changes";
import type { CaGraph } from "../domain/inventory/ca-graph";
import type { AuthorityFacts } from "../domain/inventory/fleet-entries";
import { instant } from "../domain/instant";
import type { GroupScope } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { CertificateReader } from "../ports/certificates";
import type { EnrollmentGroup, GroupChange } from "../ports/enrollment-groups";
import type { TargetClaims } from "../ports/target-claims";
import { claimClosedGroups } from "./claim-trust";
import { groupScope, idOf } from "./close-group";
import { groupContended } from "./group-contended";
import { journalled } from "./journalled";
import { noteDeny, type NoteDenyDeps } from "./note-deny";
import { leafPem, readLeaf } from "./plan-replacement";
import { readTrust, type ReadTrustDeps } from "./read-trust";
import { documents, type BreachReach, type GroupSeen } from "./roll-documents";
import { putGroup, shutGroup, type ShutGroupDeps } from "./shut-group";
import { mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface CloseReachDeps extends ShutGroupDeps, ReadTrustDeps, NoteDenyDeps {
  readonly certificates: CertificateReader;
  readonly targetClaims: TargetClaims;
}

/**
 * Looks at all of DPS for what the compromised CA opens beside the group of the request, and closes that too. Then what is
 * healthy is opened again: a group whose other slot nobody suspects, and one that was closed only because it stands above
 * the compromised CA, once a group of our own denies that one. A group that gets a successor is left to that.
 */
export function createCloseReach(deps: CloseReachDeps): Step<typeof closeReach> {
  return async ({ rollId, insist }) => {
    const request = await deps.blobs.getRequest(rollId);
    const reach = await orOutage(closeAll(deps, rollId, groupScope(request)));
    if (!(reach instanceof RollError)) {
      const closed = reach.groups.map(({ groupId }) => groupId);
      await claimClosedGroups(deps.targetClaims, rollId, request, closed);
      return { complete: true, groups: closed.length };
    }
    if (insist) throw reach;
    return { complete: false, groups: 1 };
  };
}

/** What was closed is on record before anything is opened: whoever runs again must not take the opened for the untouched. */
async function closeAll(deps: CloseReachDeps, rollId: RollId, scope: GroupScope): Promise<BreachReach> {
  let reach = await deps.blobs.findDocument(rollId, documents.breachReach);
  if (reach === undefined) {
    reach = await close(deps, rollId, scope);
    await deps.blobs.putDocument(rollId, documents.breachReach, reach);
  }
  await open(deps, rollId, scope, reach);
  return reach;
}

async function close(deps: CloseReachDeps, rollId: RollId, scope: GroupScope): Promise<BreachReach> {
  const main = idOf(scope);
  const seen = await deps.blobs.findDocument(rollId, documents.groupSeen(main));
  const given = givenAuthorities(deps.certificates, scope);
  const graph = await asBefore(deps, rollId, await readTrust(deps, [...given.keys()]));
  const compromised = compromisedIn(graph, scope, seen);
  const { groups, deny, names } = strike(graph, compromised);

  const others = groups.filter(({ groupId }) => groupId !== main);
  for (const { groupId, bad } of others) {
    const { outcome } = await shutGroup(deps, rollId, groupId, () => bad);
    if (outcome === "contended") throw groupContended(groupId);
  }
  const denyGroups: BreachReach["denyGroups"] = [];
  const uncovered: Sha256Thumbprint[] = [];
  for (const { authority, higher } of deny) {
    const pem = [...given].find(([{ sha256Thumbprint }]) => sha256Thumbprint === authority)?.[1];
    const groupId = await denyGroup(deps, rollId, { authority, pem, like: higher ?? main });
    if (groupId === undefined) uncovered.push(authority);
    else denyGroups.push({ groupId, authority });
  }
  for (const group of groups.filter(({ shadowed }) => shadowed)) await noteClosed(deps, rollId, graph, group);
  const struck = groups.find(({ groupId }) => groupId === main);
  const own = struck ?? { groupId: main, bad: { thumbprints: compromised, names: [...names] }, shadowed: true };
  return {
    groups: [own, ...others].map((group) => ({ ...group, heldIt: group !== own || struck !== undefined })),
    denyGroups,
    uncovered,
    // It let their leaves in from above and holds none of them.
    mayReopen: struck === undefined && denyGroups.length > 0 && uncovered.length === 0,
    names: [...names],
  };
}

/** Opens what may be opened: see `createCloseReach`. Each write is decided on a fresh read, and made once. */
async function open(deps: CloseReachDeps, rollId: RollId, scope: GroupScope, reach: BreachReach): Promise<void> {
  const main = idOf(scope);
  for (const group of reach.groups)
    if (group.groupId !== main || scope.successor === undefined) await narrow(deps, rollId, group);
  if (reach.mayReopen) await reopen(deps, rollId, main);
}

/** CA certificates that the request brought, with their PEM. */
function givenAuthorities(certificates: CertificateReader, scope: GroupScope): ReadonlyMap<AuthorityFacts, string> {
  return new Map(
    (scope.compromised?.certificatePems ?? []).flatMap((pem): [AuthorityFacts, string][] => {
      const reading = certificates.readChain(pem);
      if (reading.outcome !== "read") return [];
      const { sha256Thumbprint, subject, issuer, notAfter } = reading.chain.leaf;
      return [[{ sha256Thumbprint, subjectName: subject, issuerName: issuer, notAfter }, leafPem(certificates, pem)]];
    }),
  );
}

/** The graph as it was before this roll closed anything: what is closed now says nothing about what was open. */
async function asBefore({ blobs }: CloseReachDeps, rollId: RollId, graph: CaGraph): Promise<CaGraph> {
  const disabled = graph.entries.groups.filter(({ provisioningStatus }) => provisioningStatus === "disabled");
  const seen = await mapSideBySide(disabled, ({ groupId }) => blobs.findDocument(rollId, documents.groupSeen(groupId)));
  const ours = seen.filter((group) => group?.provisioningStatus === "enabled").map((group) => group?.groupId);
  return withChanges(
    graph,
    ours.flatMap((groupId) =>
      groupId === undefined ? [] : [{ kind: "set-status", groupId, provisioningStatus: "enabled" } as const],
    ),
  );
}

/** Named certificates, and those that stood in the group's named slots. */
function compromisedIn(graph: CaGraph, scope: GroupScope, seen: GroupSeen | undefined): Sha256Thumbprint[] {
  const stood = seen === undefined ? [] : thumbprintsOfBad(seen.bad, graph);
  return [...new Set([...(scope.compromised?.thumbprints ?? []), ...stood])];
}

/** A disabled group that holds the compromised CA; undefined where it cannot be made. */
async function denyGroup(
  deps: CloseReachDeps,
  rollId: RollId,
  o: { readonly authority: Sha256Thumbprint; readonly pem: string | undefined; readonly like: EnrollmentGroupId },
): Promise<EnrollmentGroupId | undefined> {
  if (o.pem === undefined) return undefined;
  const reading = await deps.groups.get(o.like);
  if (reading.outcome === "missing") return undefined;
  const groupId = EnrollmentGroupId.parse(`rollcall-deny-${o.authority.slice(0, 16).toLowerCase()}`);
  await noteDeny(deps, await ledgerRow(deps, rollId, groupId, o.pem));
  const attestation = { kind: "signingCertificates", primaryPem: o.pem, secondaryPem: undefined } as const;
  const write = {
    step: "close-reach",
    target: `group ${groupId}`,
    action: "deny",
    after: `disabled primary=${o.authority}`,
  };
  const creation = await journalled(deps, rollId, write, () =>
    deps.groups.create({ groupId, like: reading.group, attestation, provisioningStatus: "disabled" }),
  );
  if (creation.outcome === "created") return groupId;
  const stands = creation.outcome === "exists" ? creation.group : undefined;
  const held = stands?.attestation.kind === "signingCertificates" ? stands.attestation.primary : undefined;
  return stands?.provisioningStatus === "disabled" && held?.sha256Thumbprint === o.authority ? groupId : undefined;
}

async function ledgerRow(
  { blobs, certificates }: CloseReachDeps,
  rollId: RollId,
  target: EnrollmentGroupId,
  pem: string,
): Promise<DenyEntry> {
  const { requestedBy, source, reason, requestedAt } = await blobs.getRequest(rollId);
  const removeAfter = readLeaf(certificates, pem)?.leaf.notAfter;
  const about = { kind: "deny-group", target, rollId, owner: requestedBy ?? source, reason } as const;
  return { ...about, createdAt: requestedAt, ...(removeAfter === undefined ? {} : { removeAfter }) };
}

/**
 * A group that stays closed because it is what keeps old leaves out is on the ledger like any other deny entry. It goes when
 * the compromised CAs have run out; where it holds a healthy CA too, only a person may say so.
 */
async function noteClosed(
  deps: CloseReachDeps,
  rollId: RollId,
  graph: CaGraph,
  { groupId, bad }: StruckGroup,
): Promise<void> {
  const { requestedBy, source, reason, requestedAt } = await deps.blobs.getRequest(rollId);
  const group = graph.group(groupId);
  const held = group === undefined ? [] : graph.trusted(group);
  const ends = held.map((ca) => (bad.thumbprints.includes(ca) ? graph.authority(ca)?.notAfter : undefined));
  const known = ends.filter((end) => end !== undefined);
  const about = { kind: "closed-group", target: groupId, rollId, owner: requestedBy ?? source, reason } as const;
  const removeAfter =
    known.length === 0 || known.length < ends.length ? {} : { removeAfter: instant(Math.max(...known)) };
  await noteDeny(deps, { ...about, createdAt: requestedAt, ...removeAfter });
}

/** Opens a closed group for those of its devices that are not concerned, if it was open before and that is safe. */
async function narrow(
  deps: CloseReachDeps,
  rollId: RollId,
  { groupId, bad, shadowed }: BreachReach["groups"][number],
): Promise<void> {
  await rewrite(deps, rollId, groupId, "narrow", (group, seen) => {
    const decision = decideNarrowing(group, bad, shadowed);
    switch (decision.kind) {
      case "stay":
        return undefined;
      case "promote":
        return { slots: "promote", provisioningStatus: seen.provisioningStatus };
      case "clear": {
        const clear = (slot: "primary" | "secondary"): { readonly kind: "clear" | "keep" } => ({
          kind: decision.slots.includes(slot) ? "clear" : "keep",
        });
        const slots = { primary: clear("primary"), secondary: clear("secondary") };
        return { slots, provisioningStatus: seen.provisioningStatus };
      }
      default:
        return decision satisfies never;
    }
  });
}

async function reopen(deps: CloseReachDeps, rollId: RollId, groupId: EnrollmentGroupId): Promise<void> {
  const keep = { kind: "keep" } as const;
  await rewrite(deps, rollId, groupId, "reopen", (group, { provisioningStatus }) =>
    group.provisioningStatus === provisioningStatus
      ? undefined
      : { slots: { primary: keep, secondary: keep }, provisioningStatus },
  );
}

const PASSES = 5;

async function rewrite(
  deps: CloseReachDeps,
  rollId: RollId,
  groupId: EnrollmentGroupId,
  action: string,
  decide: (group: EnrollmentGroup, seen: GroupSeen) => GroupChange | undefined,
): Promise<void> {
  const seen = await deps.blobs.findDocument(rollId, documents.groupSeen(groupId));
  if (seen === undefined) return;
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const reading = await deps.groups.get(groupId);
    const change = reading.outcome === "found" ? decide(reading.group, seen) : undefined;
    if (reading.outcome === "missing" || change === undefined) return;
    const { outcome } = await putGroup(deps, rollId, reading.group, action, change);
    // Refused: it stays closed, which is safe.
    if (outcome !== "precondition-failed") return;
  }
  throw groupContended(groupId);
}
