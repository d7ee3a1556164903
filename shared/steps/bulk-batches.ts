import type { BulkMove } from "../contract/import-containment";
import { decideHold, decideRelease, type Identity } from "../domain/hub/allow-set";
import {
  importLine,
  readExportLine,
  readImportError,
  type ExportedIdentity,
  type ImportedIdentity,
} from "../domain/hub/import-line";
import type { DeviceId, HubHostName, RegistrationId, RollId } from "../domain/ids";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow, HubRecord } from "../domain/roll/device-row";
import type { Entropy } from "../ports/clock";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { needsContainment } from "./hold-at-hub";
import { allowSet, describeWrite, recordOf, sentinels, withRecord } from "./identities";
import { documents, type BulkLine } from "./roll-documents";
import { mapSideBySide } from "./side-by-side";

export interface BulkBatchDeps extends BatchWorkDeps {
  readonly entropy: Entropy;
  readonly blobs: RollBlobs;
}

/** Some batches at one hub, for one of the two writes. */
export interface BulkPiece {
  readonly rollId: RollId;
  readonly hub: HubHostName;
  readonly move: BulkMove;
  readonly batches: readonly number[];
}

/**
 * Decides from a fresh export what the import is to do with the devices of these batches, and journals it. Reads the export
 * once. A batch is planned once: who runs again finds what was planned.
 */
export async function planBulk(deps: BulkBatchDeps, piece: BulkPiece, lines: AsyncIterable<string>): Promise<void> {
  const { rollId, batches } = piece;
  const wanted = new Map<DeviceId, number>();
  await mapSideBySide(batches, async (batch) => {
    for (const { deviceId } of (await deps.batches.read(rollId, batch)).rows)
      if (deviceId !== undefined) wanted.set(deviceId, batch);
  });
  const found = new Map<number, ExportedIdentity[]>();
  for await (const text of lines) {
    const identity = readExportLine(text);
    const batch = identity?.moduleId === undefined ? wanted.get(identity?.deviceId ?? NOBODY) : undefined;
    if (identity === undefined || batch === undefined) continue;
    found.set(batch, [...(found.get(batch) ?? []), identity]);
  }
  await mapSideBySide(batches, (batch) => planBatch(deps, piece, batch, found.get(batch) ?? []), 4);
}

/** No device is called so: ids are never empty. */
const NOBODY = "" as DeviceId;

async function planBatch(
  deps: BulkBatchDeps,
  { rollId, hub, move }: BulkPiece,
  batch: number,
  identities: readonly ExportedIdentity[],
): Promise<void> {
  const document = documents.bulkLines(hub, move, batch);
  if ((await deps.blobs.findDocument(rollId, document)) !== undefined) return;
  const work = await BatchWork.open(deps, `bulk-${move}`, { rollId, batch });
  const byDevice = new Map(identities.map((identity) => [identity.deviceId, identity]));
  const plans = work.rows.flatMap((row): { row: DeviceRow; write: ImportedIdentity; before: ExportedIdentity }[] => {
    const identity = row.deviceId === undefined ? undefined : byDevice.get(row.deviceId);
    const decided = identity === undefined ? undefined : decide(deps, rollId, hub, move, row, identity);
    return identity === undefined || decided === undefined ? [] : [{ ...decided, before: identity }];
  });
  for (const { row } of plans) work.set(row);
  await work.intend(
    plans.map(({ row, write, before }): JournalLine => {
      const { status, primaryThumbprint: first, secondaryThumbprint: second, etag } = before;
      return {
        registrationId: row.registrationId,
        target: hub,
        action: move,
        before: `${status} primary=${first ?? "-"} secondary=${second ?? "-"} etag=${etag}`,
        after: `${describeWrite(write)} by import`,
      };
    }),
  );
  await work.settle([]);
  const planned = plans.map(({ row, write }): BulkLine => ({
    registrationId: row.registrationId,
    deviceId: write.deviceId,
    round: recordOf(row, hub).round,
    line: importLine(write),
  }));
  await deps.blobs.putDocument(rollId, document, planned);
}

function decide(
  deps: BulkBatchDeps,
  rollId: RollId,
  hub: HubHostName,
  move: BulkMove,
  row: DeviceRow,
  exported: ExportedIdentity,
): { readonly row: DeviceRow; readonly write: ImportedIdentity } | undefined {
  if (!needsContainment(row)) return undefined;
  const record = recordOf(row, hub);
  const allow = allowSet(deps.entropy, rollId, { row, hub, deviceId: exported.deviceId });
  return move === "hold"
    ? hold(deps, rollId, hub, row, record, exported, decideHold(exported, allow).kind === "write")
    : release(deps, rollId, hub, row, record, exported, gives(exported, allow, record));
}

/** True if the identity is to be given back with our sentinels; whatever else it may be is for the single writes. */
function gives(exported: Identity, allow: Parameters<typeof decideRelease>[1], record: HubRecord): boolean {
  const decision = decideRelease(exported, allow, record.statusBefore ?? "enabled");
  return decision.kind === "write" && decision.thumbprints === "sentinel";
}

function hold(
  { entropy }: BulkBatchDeps,
  rollId: RollId,
  hub: HubHostName,
  row: DeviceRow,
  record: HubRecord,
  { deviceId, etag, status, iotEdge }: ExportedIdentity,
  isNeeded: boolean,
): { readonly row: DeviceRow; readonly write: ImportedIdentity } | undefined {
  if (!isNeeded || record.heldAt !== undefined) return undefined;
  const round = record.round + 1;
  const [primaryThumbprint, secondaryThumbprint] = sentinels(entropy, rollId, hub, deviceId, round);
  const statusReason = `rollcall ${rollId}: certificate compromised`;
  return {
    // Counted before it is written: a run cut off in between must know these sentinels as its own.
    row: withRecord(row, hub, { ...record, round, statusBefore: record.statusBefore ?? status }),
    write: { deviceId, etag, status: "disabled", statusReason, primaryThumbprint, secondaryThumbprint, iotEdge },
  };
}

function release(
  { entropy }: BulkBatchDeps,
  rollId: RollId,
  hub: HubHostName,
  row: DeviceRow,
  record: HubRecord,
  { deviceId, etag, iotEdge }: ExportedIdentity,
  isNeeded: boolean,
): { readonly row: DeviceRow; readonly write: ImportedIdentity } | undefined {
  if (!isNeeded || record.heldAt === undefined || record.releasedAt !== undefined || row.entry.state === "open")
    return undefined;
  const [primaryThumbprint, secondaryThumbprint] = sentinels(entropy, rollId, hub, deviceId, record.round);
  const status = record.statusBefore ?? "enabled";
  return {
    row,
    write: { deviceId, etag, status, statusReason: undefined, primaryThumbprint, secondaryThumbprint, iotEdge },
  };
}

/** What the import is to read, batch by batch. */
export async function* linesOf(
  { blobs }: BulkBatchDeps,
  rollId: RollId,
  hub: HubHostName,
  move: BulkMove,
  batches: number,
): AsyncIterable<string> {
  for (let batch = 0; batch < batches; batch += 1)
    for (const { line } of (await blobs.findDocument(rollId, documents.bulkLines(hub, move, batch))) ?? []) yield line;
}

/** Notes on the rows what the import did; what it refused stays as it was, for the single writes. */
export async function settleBulk(deps: BulkBatchDeps, piece: BulkPiece, errors: AsyncIterable<string>): Promise<void> {
  const refused = new Map<DeviceId, string>();
  for await (const text of errors) {
    const error = readImportError(text);
    if (error !== undefined) refused.set(error.deviceId, error.detail);
  }
  await mapSideBySide(piece.batches, (batch) => settleBatch(deps, piece, batch, refused), 4);
}

async function settleBatch(
  deps: BulkBatchDeps,
  { rollId, hub, move }: BulkPiece,
  batch: number,
  refused: ReadonlyMap<DeviceId, string>,
): Promise<void> {
  const planned = await deps.blobs.findDocument(rollId, documents.bulkLines(hub, move, batch));
  if (planned === undefined || planned.length === 0) return;
  const work = await BatchWork.open(deps, `bulk-${move}`, { rollId, batch });
  const rows = new Map<RegistrationId, DeviceRow>(work.rows.map((row) => [row.registrationId, row]));
  const outcome: JournalLine[] = [];
  for (const { registrationId, deviceId, round } of planned) {
    const row = rows.get(registrationId);
    const record = row === undefined ? undefined : recordOf(row, hub);
    // Settled before, or moved on since.
    if (row === undefined || record?.round !== round || isDone(record, move)) continue;
    const why = refused.get(deviceId);
    outcome.push({
      registrationId,
      target: hub,
      action: move,
      result: why === undefined ? "written" : `failed ${why}`,
    });
    if (why === undefined) work.set(withRecord(row, hub, done(record, move, deps)));
  }
  await work.settle(outcome);
}

function isDone(record: HubRecord, move: BulkMove): boolean {
  return (move === "hold" ? record.heldAt : record.releasedAt) !== undefined;
}

function done(record: HubRecord, move: BulkMove, { clock }: BulkBatchDeps): HubRecord {
  const at = clock.now();
  return { ...record, lastWrite: "sentinel", ...(move === "hold" ? { heldAt: at } : { releasedAt: at }) };
}
