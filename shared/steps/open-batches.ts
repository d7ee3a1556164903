import type { openBatches } from "../contract/activities";
import type { RollId } from "../domain/ids";
import type { Claim, ClaimScope } from "../domain/roll/claim";
import { summarize } from "../domain/roll/batch-summary";
import type { DeviceRow } from "../domain/roll/device-row";
import { heldBack, leftTo, newRow, takenFrom } from "../domain/roll/new-row";
import { priorityOf } from "../domain/roll/playbook";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import type { CertificateReader } from "../ports/certificates";
import type { BatchStore, RollBlobs, RollStore } from "../ports/stores";
import type { TargetClaims } from "../ports/target-claims";
import { admittedOf, placeOf } from "./admission";
import { readLeaf } from "./plan-replacement";
import { documents } from "./roll-documents";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface OpenBatchesDeps {
  readonly targetClaims: TargetClaims;
  readonly rolls: RollStore;
  readonly batches: BatchStore;
  readonly blobs: RollBlobs;
  readonly certificates: CertificateReader;
}

/** Batches opened per call: about 1,500 devices. */
const PER_CALL = 16;

/**
 * Creates batches with their rows and claims the devices; a dry run claims nothing. Safe to run twice: a batch is written
 * once, and what the first run wrote stands. Nothing is read from Azure here, so that nothing there can delay containment.
 */
export function createOpenBatches(deps: OpenBatchesDeps): Step<typeof openBatches> {
  const { rolls, batches, blobs } = deps;
  return async ({ rollId, from, batches: total }) => {
    const request = await blobs.getRequest(rollId);
    const admitted = await admittedOf(deps, rollId, request);
    const waves = (admitted === Infinity ? undefined : await blobs.findDocument(rollId, documents.waves)) ?? [];
    const end = Math.min(from + PER_CALL, total);
    const numbers = Array.from({ length: Math.max(0, end - from) }, (_, n) => from + n);
    await mapSideBySide(
      numbers,
      async (batch) => {
        const targets = await blobs.getTargets(rollId, batch);
        const may = Math.max(0, admitted - placeOf(waves, batch));
        const rows =
          request.dryRun === true
            ? targets.map(newRow)
            : [
                ...(await claimRows(deps, { rollId, batch }, request, targets.slice(0, may))),
                ...targets.slice(may).map((target) => heldBack(newRow(target))),
              ];
        if (await batches.create(rollId, batch, rows)) await rolls.putSummary(rollId, summarize(batch, rows));
      },
      4,
    );
    return end < total ? { next: end } : {};
  };
}

/** Claims devices and makes their rows: what other rolls keep is left to them, what is taken from others is known of them. */
export async function claimRows(
  { targetClaims, batches, certificates }: Pick<OpenBatchesDeps, "targetClaims" | "batches" | "certificates">,
  at: { readonly rollId: RollId; readonly batch: number },
  { playbook, group }: RollRequest,
  targets: readonly RollTarget[],
): Promise<DeviceRow[]> {
  if (targets.length === 0) return [];
  const priority = priorityOf(playbook, group?.authority ?? "leaf");
  const isAll = priority === 0 || (group !== undefined && group.authority !== "leaf");
  const { held, superseded } = await targetClaims.claim(
    { ...at, priority },
    "device",
    targets.map((target) => ({
      id: target.registrationId,
      ...(isAll ? {} : { scope: claimScopeOf(certificates, target) }),
    })),
  );
  const others = await rowsOf(batches, superseded);
  return targets.map((target) => {
    const row = newRow(target);
    const holder = held.get(target.registrationId);
    if (holder !== undefined) return leftTo(row, holder.rollId);
    const other = others.get(target.registrationId);
    return other === undefined ? row : takenFrom(row, other, superseded.get(target.registrationId)?.scope);
  });
}

/** Which credentials of a device a request is about. */
export function claimScopeOf(certificates: CertificateReader, target: RollTarget): ClaimScope {
  const leaf = readLeaf(certificates, target.compromisedPem)?.leaf.sha256Thumbprint;
  return { slots: target.compromisedSlots, ...(leaf === undefined ? {} : { leaf }) };
}

/** What the rolls that lost devices know of them. */
async function rowsOf(
  batches: BatchStore,
  superseded: ReadonlyMap<string, Claim>,
): Promise<ReadonlyMap<string, DeviceRow>> {
  const places = new Map<string, { rollId: RollId; batch: number }>();
  for (const { rollId, batch } of superseded.values())
    if (batch !== undefined) places.set(`${rollId}|${batch}`, { rollId, batch });
  const all = await mapSideBySide(
    [...places.values()],
    async ({ rollId, batch }) => (await batches.read(rollId, batch)).rows,
  );
  return new Map(
    all.flat().flatMap((row) => (superseded.has(row.registrationId) ? [[row.registrationId, row] as const] : [])),
  );
}
