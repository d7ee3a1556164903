import { RegistrationId, type EnrollmentGroupId, type RollId } from "../domain/ids";
import { examineIdentity, type Examination } from "../domain/inventory/examine-identity";
import { shardOf } from "../domain/inventory/join";
import type { InventoryId, InventorySummary } from "../domain/inventory/inventory";
import type { DeviceRecord } from "../domain/inventory/records";
import { instant, type Instant } from "../domain/instant";
import type { TargetPart } from "../domain/roll/cut-targets";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { InventoryStore } from "../ports/inventory";
import type { IssuanceStore } from "../ports/issuers";
import type { RollBlobs } from "../ports/stores";
import { groupScope, idOf } from "./close-group";
import { documents, type BreachReach } from "./roll-documents";

export interface ExamineShardDeps {
  readonly blobs: RollBlobs;
  readonly inventories: Pick<InventoryStore, "readDevices" | "list">;
  readonly issuance: Pick<IssuanceStore, "listIssued">;
}

/** How many inventories are asked for the one from before the breach; fewer are kept. */
const INVENTORIES = 50;

/**
 * Looks at every identity in one part of the inventory that was taken for this roll, beside the one from before the breach.
 * What it holds in memory grows with the devices of the part.
 */
export async function examineShard(
  deps: ExamineShardDeps,
  rollId: RollId,
  request: RollRequest,
  reach: BreachReach,
  shard: number,
): Promise<TargetPart> {
  const taken = await deps.blobs.findDocument(rollId, documents.examination);
  const summaries = await finished(deps);
  const now = summaries.find(({ inventoryId }) => inventoryId === taken?.inventoryId);
  if (now === undefined) throw new RollError("store-corrupt", `the inventory of roll ${rollId} is gone`, false);
  const since = request.compromisedSince;
  const baseline = since === undefined ? undefined : summaries.find(({ finishedAt }) => finishedAt < since);
  const before = await devicesOf(deps, baseline, shard, now.shards);
  const struck = new Set<EnrollmentGroupId>(reach.groups.map(({ groupId }) => groupId));
  const issued = await issuedLeaves(deps);
  const known = new Set([...request.targets.map(({ registrationId }) => registrationId), ...issued.devices]);
  const mayBeRogue = since !== undefined || request.targets.length > 0;
  const world = { since, struck, listedFrom: request.requestedAt, isIssued: (leaf: string) => issued.leaves.has(leaf) };

  const targets: RollTarget[] = [];
  for await (const device of deps.inventories.readDevices(now.inventoryId, shard)) {
    const found = examineIdentity(device, { ...world, before: before.get(device.key) });
    const target = toTarget(request, device, found);
    if (target === undefined || found.kind === "untouched") continue;
    const rogue = mayBeRogue && found.isNew && found.because === "no-record" && !known.has(target.registrationId);
    targets.push(rogue ? { ...target, rogue: true } : target);
  }
  return { targets, ...(shard + 1 < now.shards ? { next: String(shard + 1) } : {}) };
}

async function finished({ inventories }: ExamineShardDeps): Promise<readonly InventorySummary[]> {
  const entries = await inventories.list(INVENTORIES);
  return entries.flatMap((entry) => (entry.state === "finished" ? [entry.summary] : []));
}

/** An earlier inventory may have been cut into another number of parts. */
async function devicesOf(
  { inventories }: ExamineShardDeps,
  summary: (Pick<InventorySummary, "shards"> & { readonly inventoryId: InventoryId }) | undefined,
  shard: number,
  shards: number,
): Promise<ReadonlyMap<string, DeviceRecord>> {
  const devices = new Map<string, DeviceRecord>();
  if (summary === undefined) return devices;
  for (let part = 0; part < summary.shards; part += 1) {
    if (summary.shards === shards && part !== shard) continue;
    for await (const device of inventories.readDevices(summary.inventoryId, part))
      if (shardOf(device.key, shards) === shard) devices.set(device.key, device);
  }
  return devices;
}

/** Everything that the app had issued. */
async function issuedLeaves({ issuance }: ExamineShardDeps): Promise<{
  readonly leaves: ReadonlySet<string>;
  readonly devices: ReadonlySet<RegistrationId>;
}> {
  const [leaves, devices] = [new Set<string>(), new Set<RegistrationId>()];
  const since: Instant = instant(0);
  for (let after: string | undefined, more = true; more;) {
    const page = await issuance.listIssued({ since, limit: 1_000, after });
    for (const { sha256Thumbprint, registrationId } of page.issued) {
      leaves.add(sha256Thumbprint);
      devices.add(registrationId);
    }
    after = page.next;
    more = after !== undefined;
  }
  return { leaves, devices };
}

/**
 * It may come back through the group of the request, as any of its devices. An id that no registration can have is none that
 * a CA's key can have made.
 */
function toTarget(request: RollRequest, device: DeviceRecord, found: Examination): RollTarget | undefined {
  const [identity] = device.identities;
  if (found.kind === "untouched" || identity === undefined) return undefined;
  const id = RegistrationId.safeParse(device.registrationId ?? identity.deviceId.toLowerCase());
  if (!id.success) return undefined;
  const groupId = found.because === "listed" ? device.groupId : idOf(groupScope(request));
  return {
    registrationId: id.data,
    compromisedSlots: [],
    replacement: { kind: "none" },
    deviceId: identity.deviceId,
    assignedHub: identity.hub,
    ...(groupId === undefined ? {} : { groupId }),
    found: found.because === "listed" ? "late" : found.because,
  };
}
