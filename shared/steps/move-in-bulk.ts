import type { z } from "zod";
import type { closeAtDps } from "../contract/activities";
import type { BulkCursor, moveInBulk } from "../contract/import-containment";
import type { HubHostName, RollId } from "../domain/ids";
import { isFasterInBulk } from "../domain/pacing/bulk-route";
import type { Hubs } from "../ports/hubs";
import type { ImportExportBlobs, JobContainer } from "../ports/import-export-blobs";
import type { RegistryJob } from "../ports/registry-jobs";
import type { RollStore } from "../ports/stores";
import { linesOf, planBulk, settleBulk, type BulkBatchDeps } from "./bulk-batches";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface MoveInBulkDeps extends BulkBatchDeps {
  readonly rolls: RollStore;
  readonly hubs: Hubs;
  readonly exports: ImportExportBlobs;
  /** Registry writes per second that rolls may make at a hub; undefined: not known, so that no job is worth while. */
  readonly registryRate: (hub: HubHostName) => number | undefined;
  /** From what duration of single writes on a job is preferred, in seconds. */
  readonly importWhenSlowerThanSeconds: number;
  readonly closeBatch: Step<typeof closeAtDps>;
}

type Piece = z.input<typeof moveInBulk.output>;

/** Batches per piece: a piece reads the whole export once. */
const BATCHES = 48;
const CLOSED_AT_ONCE = 16;
/** Of those: a batch of a closed group is little more than a few reads and writes of storage, one after the other. */
const SIDE_BY_SIDE = 4;
const FIRST_LOOK_MS = 500;
const LONGEST_LOOK_MS = 15_000;
/** Some five minutes: another job has the only place, or ours does not get on. */
const LOOKS = 25;

/**
 * Containment of large fleets by the registry's jobs: a fresh export tells what stands there, an import guarded by each
 * line's ETag cuts off all that is still so, and after the hold another pair gives the identities back with sentinels. A hub
 * runs one job at a time. Whatever a job refuses, or nobody can say of it, is left to the single writes that follow, and the
 * claim "contained" to the fresh reads that follow those.
 */
export function createMoveInBulk(deps: MoveInBulkDeps): Step<typeof moveInBulk> {
  return async ({ rollId, batches, cursor }) => {
    if (cursor === undefined) return (await isWorthWhile(deps, rollId)) ? { next: START } : {};
    const hub = deps.hubs.hostNames[cursor.hub];
    if (hub === undefined) return {};
    switch (cursor.doing) {
      case "close":
        return close(deps, rollId, batches, cursor);
      case "export":
      case "import":
        return lookAtJob(deps, rollId, batches, hub, cursor);
      case "plan":
      case "settle":
        return work(deps, rollId, batches, hub, cursor);
      default:
        return cursor.doing satisfies never;
    }
  };
}

const START: BulkCursor = { doing: "close", move: "hold", hub: 0, from: 0, looks: 0 };

async function isWorthWhile(deps: MoveInBulkDeps, rollId: RollId): Promise<boolean> {
  const { containment, dryRun } = await deps.blobs.getRequest(rollId);
  if (dryRun === true || (containment !== undefined && containment !== "sentinel")) return false;
  const devices = (await deps.rolls.get(rollId))?.devices ?? 0;
  return deps.hubs.hostNames.some((hub) => {
    const rate = deps.registryRate(hub);
    return rate !== undefined && isFasterInBulk(devices, rate, deps.importWhenSlowerThanSeconds);
  });
}

/** DPS first, for all of the fleet: it refuses the old leaves before any identity is given back. */
async function close(deps: MoveInBulkDeps, rollId: RollId, batches: number, cursor: BulkCursor): Promise<Piece> {
  const end = Math.min(cursor.from + CLOSED_AT_ONCE, batches);
  const piece = Array.from({ length: Math.max(0, end - cursor.from) }, (_, at) => cursor.from + at);
  await mapSideBySide(piece, (batch) => deps.closeBatch({ rollId, batch }), SIDE_BY_SIDE);
  return { next: end < batches ? { ...cursor, from: end } : { ...cursor, doing: "export", from: 0 } };
}

async function lookAtJob(
  deps: MoveInBulkDeps,
  rollId: RollId,
  batches: number,
  hub: HubHostName,
  cursor: BulkCursor,
): Promise<Piece> {
  const job = await ourJob(deps, rollId, batches, hub, cursor);
  if (job === "nothing") return afterHub(deps, rollId, cursor);
  if (job === "refused" || cursor.looks >= LOOKS) return {};
  if (job === "busy") return again(cursor);
  switch (job.status) {
    case "waiting":
    case "running":
      return again(cursor);
    case "completed":
      return { next: { ...cursor, doing: cursor.doing === "export" ? "plan" : "settle", from: 0, looks: 0 } };
    case "failed":
    case "cancelled":
      return {};
    default:
      return job.status satisfies never;
  }
}

function again(cursor: BulkCursor): Piece {
  const waitMs = Math.min(FIRST_LOOK_MS * 2 ** cursor.looks, LONGEST_LOOK_MS);
  return { next: { ...cursor, looks: cursor.looks + 1 }, waitMs };
}

/** The job on our container: one whose start's answer was lost, too, or a new one. `nothing`: there is nothing to import. */
async function ourJob(
  deps: MoveInBulkDeps,
  rollId: RollId,
  batches: number,
  hub: HubHostName,
  cursor: BulkCursor,
): Promise<RegistryJob | "busy" | "refused" | "nothing"> {
  const type = cursor.doing === "export" ? "export" : "import";
  const container = await openContainer(deps, rollId, cursor, type);
  const { registryJobs } = deps.hubs.hub(hub);
  const known = await registryJobs.list();
  const ours = known.find((job) => job.type === type && job.containerName === container.name);
  if (ours !== undefined) return ours;
  if (type === "import") {
    const lines = { count: 0 };
    await deps.exports.writeLines(container, counted(linesOf(deps, rollId, hub, cursor.move, batches), lines));
    if (lines.count === 0) return "nothing";
  }
  const started = await (type === "export" ? registryJobs.startExport(container) : registryJobs.startImport(container));
  return started.outcome === "started" ? started.job : started.outcome;
}

async function* counted(lines: AsyncIterable<string>, total: { count: number }): AsyncIterable<string> {
  for await (const line of lines) {
    total.count += 1;
    yield line;
  }
}

function openContainer(
  { exports }: MoveInBulkDeps,
  rollId: RollId,
  { move, hub }: BulkCursor,
  type: "export" | "import",
): Promise<JobContainer> {
  return exports.open(`${rollId.toLowerCase()}-${hub}-${move}-${type === "export" ? "out" : "in"}`);
}

async function work(
  deps: MoveInBulkDeps,
  rollId: RollId,
  batches: number,
  hub: HubHostName,
  cursor: BulkCursor,
): Promise<Piece> {
  const end = Math.min(cursor.from + BATCHES, batches);
  const range = Array.from({ length: Math.max(0, end - cursor.from) }, (_, n) => cursor.from + n);
  const planning = cursor.doing === "plan";
  const container = await openContainer(deps, rollId, cursor, planning ? "export" : "import");
  const piece = { rollId, hub, move: cursor.move, batches: range };
  await (planning
    ? planBulk(deps, piece, deps.exports.readLines(container))
    : settleBulk(deps, piece, deps.exports.readErrors(container)));
  if (end < batches) return { next: { ...cursor, from: end } };
  return planning ? { next: { ...cursor, doing: "import", from: 0, looks: 0 } } : afterHub(deps, rollId, cursor);
}

/** The next hub; after the last one the hold, then the release at all of them. What the jobs left behind goes. */
async function afterHub(deps: MoveInBulkDeps, rollId: RollId, cursor: BulkCursor): Promise<Piece> {
  for (const type of ["export", "import"] as const)
    await deps.exports.discard(await openContainer(deps, rollId, cursor, type));
  const next = { ...cursor, doing: "export", from: 0, looks: 0 } as const;
  if (cursor.hub + 1 < deps.hubs.hostNames.length) return { next: { ...next, hub: cursor.hub + 1 } };
  if (cursor.move === "release") return {};
  const { timing } = await deps.blobs.getRequest(rollId);
  return { next: { ...next, hub: 0, move: "release" }, waitMs: Math.max(timing.pulseHoldMs, timing.settleMs) };
}
