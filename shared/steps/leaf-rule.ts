import type { VerifiedReport } from "../domain/device-facts";
import type { RollId } from "../domain/ids";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollRequest } from "../domain/roll/request";
import type { CertificateReader } from "../ports/certificates";
import type { RollBlobs } from "../ports/stores";

export interface LeafRuleDeps {
  readonly blobs: RollBlobs;
  readonly certificates: CertificateReader;
}

/** Whether a reported leaf is one that the roll is about. */
export type LeafRule = (row: DeviceRow, report: VerifiedReport) => boolean;

/**
 * The roll's rule for new leaves. Where the leaf was known beforehand it is that one. Where devices bring their own, any
 * other than those they had before will do for a roll of leaves: the hub takes it only after DPS did.
 */
export async function readLeafRule(_deps: LeafRuleDeps, _rollId: RollId, _request: RollRequest): Promise<LeafRule> {
  await Promise.resolve();
  return (row, { sha256Thumbprint }) =>
    row.planned === undefined ? row.before !== undefined : row.planned.sha256Thumbprint === sha256Thumbprint;
}
