import { refuseGroup } from "../domain/authority/judge";
import type { AuthorityPlan } from "../domain/authority/plan";
import type { EnrollmentGroupId, RollId, Sha256Thumbprint } from "../domain/ids";
import { strike } from "../domain/inventory/breach-reach";
import type { CaGraph } from "../domain/inventory/ca-graph";
import { implicitlyAnchored } from "../domain/inventory/ca-reach";
import type { TrustFacts } from "../domain/plan/plan-trust";
import { isBreach } from "../domain/roll/playbook";
import type { Refusal } from "../domain/roll/device-row";
import type { RollRequest } from "../domain/roll/request";
import type { RollBlobs } from "../ports/stores";
import { authorityPlan, slotsOf } from "./authority-world";
import { badAuthorities } from "./bad-authorities";
import { groupScope, idOf } from "./close-group";
import { readTrust, type ReadTrustDeps } from "./read-trust";
import { documents } from "./roll-documents";

export interface PlanTrustDeps extends ReadTrustDeps {
  readonly blobs: RollBlobs;
}

export interface PlanTrust {
  readonly trust: TrustFacts;
  readonly refusals: readonly Refusal[];
}

const NOTHING: TrustFacts = { succession: undefined, kept: new Map(), alsoClosed: [] };

/** What a group roll does at DPS beside its devices. Reads only. */
export async function readPlanTrust(deps: PlanTrustDeps, rollId: RollId, request: RollRequest): Promise<PlanTrust> {
  if (request.group === undefined) return { trust: NOTHING, refusals: [] };
  if (request.group.authority === "leaf") return { trust: NOTHING, refusals: await refuseLeaves(deps, request) };
  const graph = await readTrust(deps);
  const succession = await deps.blobs.findDocument(rollId, authorityPlan);
  const kept = succession === undefined ? new Map<string, string>() : keptIn(graph, succession);
  const alsoClosed = isBreach(request.playbook) ? await closedBeside(deps, rollId, request, graph, succession) : [];
  return { trust: { succession, kept, alsoClosed }, refusals: [] };
}

/** Rolls of leaves write no group, but need one that lets devices in and their leaves reach the hub. */
async function refuseLeaves({ groups }: PlanTrustDeps, request: RollRequest): Promise<readonly Refusal[]> {
  const groupId = idOf(groupScope(request));
  const reading = await groups.get(groupId);
  if (reading.outcome === "missing")
    return [{ code: "unknown-group", detail: `DPS has no enrollment group "${groupId}"; check the id` }];
  const { group } = reading;
  const odd = refuseGroup({ ...group, slots: slotsOf(group, []) });
  if (odd !== undefined) return [odd];
  return group.provisioningStatus === "disabled" && !isBreach(request.playbook)
    ? [
        {
          code: "group-disabled",
          detail: `group ${groupId} is disabled, so that its devices cannot register; enable it`,
        },
      ]
    : [];
}

/** Old CAs that other groups name or lean on: they leave this group, and stay in DPS. */
function keptIn(graph: CaGraph, { groupId, old }: AuthorityPlan): ReadonlyMap<string, string> {
  const kept = new Map<string, string>();
  for (const { name, sha256Thumbprint } of old) {
    if (name === undefined || sha256Thumbprint === undefined) continue;
    const naming = graph.groupsHolding(sha256Thumbprint).map((group) => group.groupId);
    const leaning = implicitlyAnchored(graph, sha256Thumbprint)
      .filter(({ sole }) => sole)
      .map((group) => group.groupId);
    const others = [...new Set([...naming, ...leaning])].filter((id) => id !== groupId);
    if (others.length > 0) kept.set(name, `these groups need it: ${others.slice(0, 5).join(", ")}`);
  }
  return kept;
}

/** What containment closed beside the group of the request, or would close. */
async function closedBeside(
  { blobs, groups, authorities }: PlanTrustDeps,
  rollId: RollId,
  request: RollRequest,
  graph: CaGraph,
  succession: AuthorityPlan | undefined,
): Promise<EnrollmentGroupId[]> {
  const scope = groupScope(request);
  const main = idOf(scope);
  const reach = await blobs.findDocument(rollId, documents.breachReach);
  if (reach !== undefined) return reach.groups.map(({ groupId }) => groupId).filter((id) => id !== main);
  let bad: readonly { readonly sha256Thumbprint?: Sha256Thumbprint | undefined }[] = succession?.old ?? [];
  if (succession === undefined) {
    const reading = await groups.get(main);
    const held = await authorities.list();
    const slots = reading.outcome === "found" ? slotsOf(reading.group, held) : undefined;
    if (reading.outcome === "found" && slots !== undefined)
      bad = badAuthorities(scope, undefined, { group: reading.group, slots, authorities: held });
  }
  const compromised = bad.flatMap(({ sha256Thumbprint }) => sha256Thumbprint ?? []);
  return strike(graph, compromised)
    .groups.map(({ groupId }) => groupId)
    .filter((id) => id !== main);
}
