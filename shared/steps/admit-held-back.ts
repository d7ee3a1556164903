import type { admitHeldBack } from "../contract/activities";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollBlobs } from "../ports/stores";
import type { CertificateReader } from "../ports/certificates";
import type { TargetClaims } from "../ports/target-claims";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { claimRows } from "./open-batches";
import type { Step } from "./step";

export interface AdmitHeldBackDeps extends BatchWorkDeps {
  readonly targetClaims: TargetClaims;
  readonly blobs: RollBlobs;
  readonly certificates: CertificateReader;
}

/**
 * Claims a batch's devices that were held back, and lets containment have them; or notes that nobody approved them. Safe to
 * run twice: what is claimed stays so.
 */
export function createAdmitHeldBack(deps: AdmitHeldBackDeps): Step<typeof admitHeldBack> {
  return async ({ rollId, batch, decision }) => {
    const work = await BatchWork.open(deps, "admit-held-back", { rollId, batch });
    const held = work.rows.filter((row) => row.heldBack !== undefined && row.skipped === undefined);
    if (held.length === 0) return { admitted: 0 };
    const rows = decision === "admit" ? await claim(deps, { rollId, batch }, held) : held.map(dropped);
    for (const row of rows) work.set(row);
    await work.settle(
      rows.map(({ registrationId, skipped }) => ({
        registrationId,
        target: "all",
        action: decision,
        result: skipped ?? "approved",
      })),
    );
    return { admitted: rows.filter(({ skipped }) => skipped === undefined).length };
  };
}

async function claim(
  deps: AdmitHeldBackDeps,
  at: Parameters<typeof claimRows>[1],
  held: readonly DeviceRow[],
): Promise<DeviceRow[]> {
  const ids = new Set(held.map(({ registrationId }) => registrationId));
  const targets = await deps.blobs.getTargets(at.rollId, at.batch);
  const request = await deps.blobs.getRequest(at.rollId);
  return claimRows(
    deps,
    at,
    request,
    targets.filter(({ registrationId }) => ids.has(registrationId)),
  );
}

function dropped({ heldBack: _heldBack, ...row }: DeviceRow): DeviceRow {
  return { ...row, skipped: "not-approved: nothing was cut off" };
}
