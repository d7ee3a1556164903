import type { InventoryCursor, InventoryProgress } from "../../contract/inventory";
import { readExportLine, type ExportedIdentity } from "../../domain/hub/import-line";
import type { InventoryId } from "../../domain/inventory/inventory";
import type { GatheredLine } from "../../domain/inventory/records";
import { ModuleId, type HubHostName } from "../../domain/ids";
import type { Clock } from "../../ports/clock";
import type { HubIdentity } from "../../ports/hubs";
import type { ImportExportBlobs, JobContainer } from "../../ports/import-export-blobs";
import type { InventoryStore } from "../../ports/inventory";
import type { Page } from "../../ports/page";
import type { RegistryJob, RegistryJobs } from "../../ports/registry-jobs";
import { pageName, pieceOf, plus } from "./gather-dps";

const FIRST_LOOK_MS = 500;
const LONGEST_LOOK_MS = 30_000;
/** Some ten minutes: another job has the only place, or ours does not get on. Then the query index has to do. */
const LOOKS = 25;

/** What of a hub an inventory asks. */
interface Hub {
  readonly hostName: HubHostName;
  readonly registryJobs: RegistryJobs;
  queryIdentities(cursor: string | undefined): Promise<Page<HubIdentity>>;
}

export interface GatherHubsDeps {
  readonly clock: Clock;
  readonly hubs: { readonly hostNames: readonly HubHostName[]; hub(hostName: HubHostName): Hub };
  readonly exports: ImportExportBlobs;
  readonly inventories: InventoryStore;
}

export interface Piece {
  readonly next: InventoryCursor;
  readonly waitMs?: number;
}

type ExportCursor = InventoryCursor & { at: "export" };

/**
 * A hub's identities by its registry's export, the only complete list. Where it cannot be had (another job has the place
 * for too long, the hub may not enter the storage account) the query index takes its place.
 */
export async function gatherExport(
  deps: GatherHubsDeps,
  inventoryId: InventoryId,
  cursor: ExportCursor,
): Promise<Piece> {
  const hubName = deps.hubs.hostNames[cursor.hub];
  if (hubName === undefined) return { next: firstShard(cursor.progress) };
  const hub = deps.hubs.hub(hubName);
  const container = await deps.exports.open(containerKey(inventoryId, cursor.hub));
  const job = await ourJob(hub, container, cursor);
  if (job === "refused" || cursor.looks >= LOOKS) return { next: byQuery(cursor) };
  if (job === "busy") return { next: { ...cursor, looks: cursor.looks + 1 }, waitMs: pauseAfter(cursor.looks) };
  switch (job.status) {
    case "waiting":
    case "running":
      return { next: { ...cursor, jobId: job.jobId, looks: cursor.looks + 1 }, waitMs: pauseAfter(cursor.looks) };
    case "failed":
    case "cancelled":
      return { next: byQuery(cursor) };
    case "completed":
      return fromExport(deps, inventoryId, { hub, container }, cursor);
    default:
      return job.status satisfies never;
  }
}

/** A piece of a hub's identities by its query index: up to half an hour late, without modules. */
export async function gatherQuery(
  deps: GatherHubsDeps,
  inventoryId: InventoryId,
  { hub: place, page, token, progress }: InventoryCursor & { at: "query" },
): Promise<Piece> {
  const hubName = deps.hubs.hostNames[place];
  if (hubName === undefined) return { next: firstShard(progress) };
  const hub = deps.hubs.hub(hubName);
  const piece = await pieceOf(deps.clock, token, (cursor) => hub.queryIdentities(cursor));
  const lines = piece.items.map((identity): GatheredLine => ({ kind: "identity", identity: toRecord(hub, identity) }));
  await deps.inventories.putGathered(inventoryId, `hub-${pageName(place)}-${pageName(page)}`, lines);
  const done = plus(progress, lines.length);
  return piece.next === undefined
    ? { next: { at: "export", hub: place + 1, looks: 0, progress: done } }
    : { next: { at: "query", hub: place, page: page + 1, token: piece.next, progress: done } };
}

/** Deletes what the exports left in the storage account. */
export async function discardExports(
  { hubs, exports }: Pick<GatherHubsDeps, "hubs" | "exports">,
  inventoryId: InventoryId,
): Promise<void> {
  for (const at of hubs.hostNames.keys()) await exports.discard(await exports.open(containerKey(inventoryId, at)));
}

/** The job that writes into this container: the one we know, one whose answer was lost, or a new one. */
async function ourJob(
  hub: Hub,
  container: JobContainer,
  { jobId }: ExportCursor,
): Promise<RegistryJob | "busy" | "refused"> {
  if (jobId !== undefined) {
    const reading = await hub.registryJobs.status(jobId);
    if (reading.outcome === "found") return reading.job;
  }
  const known = await hub.registryJobs.list();
  const ours = known.find(({ type, containerName }) => type === "export" && containerName === container.name);
  if (ours !== undefined) return ours;
  const start = await hub.registryJobs.startExport(container);
  return start.outcome === "started" ? start.job : start.outcome;
}

/** The container stays until the inventory is finished: whoever does this again must find the lines again. */
async function fromExport(
  deps: GatherHubsDeps,
  inventoryId: InventoryId,
  { hub, container }: { readonly hub: Hub; readonly container: JobContainer },
  cursor: ExportCursor,
): Promise<Piece> {
  const { hub: place, progress } = cursor;
  const counts = { lines: 0, unreadable: 0 };
  await deps.inventories.putGathered(inventoryId, `hub-${pageName(place)}`, exported(deps, hub, container, counts));
  // An empty export is no proof of an empty hub.
  if (counts.lines === 0) return { next: byQuery(cursor) };
  const done = { ...plus(progress, counts.lines), unreadable: progress.unreadable + counts.unreadable };
  return { next: { at: "export", hub: place + 1, looks: 0, progress: done } };
}

function byQuery({ hub, progress }: ExportCursor): InventoryCursor {
  const queried = [...new Set([...progress.queried, hub])];
  return { at: "query", hub, page: 0, progress: { ...progress, queried } };
}

async function* exported(
  { exports }: GatherHubsDeps,
  hub: Hub,
  container: JobContainer,
  counts: { lines: number; unreadable: number },
): AsyncGenerator<GatheredLine, void> {
  for await (const text of exports.readLines(container)) {
    const identity = readExportLine(text);
    const line = identity === undefined ? undefined : toLine(hub.hostName, identity);
    if (line === undefined) counts.unreadable += 1;
    else {
      counts.lines += 1;
      yield line;
    }
  }
}

function toLine(hub: HubHostName, exported: ExportedIdentity): GatheredLine | undefined {
  const { deviceId, moduleId, status, authentication, primaryThumbprint, secondaryThumbprint } = exported;
  const credentials = { hub, deviceId, authentication, primaryThumbprint, secondaryThumbprint };
  if (moduleId === undefined) return { kind: "identity", identity: { ...credentials, status } };
  const module = ModuleId.safeParse(moduleId);
  return module.success ? { kind: "module", module: { ...credentials, moduleId: module.data } } : undefined;
}

function toRecord({ hostName: hub }: Hub, identity: HubIdentity) {
  const { deviceId, status, authentication, primaryThumbprint, secondaryThumbprint } = identity;
  return { hub, deviceId, status, authentication, primaryThumbprint, secondaryThumbprint };
}

/** About a kilobyte per line while devices are put together: at most some 500 MB. */
const LINES_PER_SHARD = 400_000;

function firstShard(progress: InventoryProgress): InventoryCursor {
  return { at: "join", shard: 0, shards: Math.max(1, Math.ceil(progress.lines / LINES_PER_SHARD)), progress };
}

function containerKey(inventoryId: InventoryId, hub: number): string {
  return `inv-${inventoryId.toLowerCase()}-${hub}`;
}

function pauseAfter(looks: number): number {
  return Math.min(FIRST_LOOK_MS * 2 ** looks, LONGEST_LOOK_MS);
}
