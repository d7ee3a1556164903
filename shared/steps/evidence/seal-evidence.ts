import type { sealEvidence } from "../../contract/evidence";
import { signedText } from "../../domain/evidence/layout";
import type { EvidenceSeal, EvidenceSignature } from "../../domain/evidence/lines";
import type { EvidenceHashes } from "../../domain/evidence/merkle";
import type { EvidencePage } from "../../domain/evidence/page";
import { sealOf, totalsOf } from "../../domain/evidence/seal";
import type { RollId } from "../../domain/ids";
import { RollError } from "../../domain/roll-error";
import type { Clock } from "../../ports/clock";
import type { EvidenceKey } from "../../ports/evidence";
import type { RollBlobs, RollStore } from "../../ports/stores";
import { mapSideBySide } from "../side-by-side";
import type { Step } from "../step";
import { evidenceDocuments } from "./documents";

export interface SignEvidenceDeps {
  readonly blobs: RollBlobs;
  /** Undefined: reports are not signed. */
  readonly evidenceKey: EvidenceKey | undefined;
}

export interface SealEvidenceDeps extends SignEvidenceDeps {
  readonly clock: Clock;
  readonly hashes: EvidenceHashes;
  readonly rolls: RollStore;
}

/** See the contract. Without a configured key there is nothing to wait for: `signed` is true. */
export function createSealEvidence(deps: SealEvidenceDeps): Step<typeof sealEvidence> {
  return async ({ rollId, pages }) => {
    try {
      const sealed = await deps.blobs.findDocument(rollId, evidenceDocuments.sealed);
      await signEvidence(deps, rollId, sealed?.seal ?? (await putSeal(deps, rollId, pages)));
      return { signed: true };
    } catch (error) {
      // The roll has to give its devices back, whether its report is signed today or tomorrow.
      if (!(error instanceof RollError)) throw error;
      return { signed: false };
    }
  };
}

/** The signature over a seal: the one that stands, or a new one. Throws `RollError` while the key is away. */
export async function signEvidence(
  { blobs, evidenceKey }: SignEvidenceDeps,
  rollId: RollId,
  seal: EvidenceSeal,
): Promise<EvidenceSignature | undefined> {
  const stands = await blobs.findDocument(rollId, evidenceDocuments.signature);
  if (stands !== undefined || evidenceKey === undefined) return stands;
  const { signer } = evidenceKey;
  const value = await evidenceKey.sign(signedText(seal, signer));
  await blobs.putDocument(rollId, evidenceDocuments.signature, { signer, value });
  return blobs.findDocument(rollId, evidenceDocuments.signature);
}

async function putSeal(
  { blobs, clock, hashes, rolls }: SealEvidenceDeps,
  rollId: RollId,
  pages: number,
): Promise<EvidenceSeal> {
  const roll = await rolls.get(rollId);
  const read = await mapSideBySide(
    Array.from({ length: pages }, (_, page) => page),
    (page) => blobs.findDocument(rollId, evidenceDocuments.page(page)),
    8,
  );
  const found = read.filter((page): page is EvidencePage => page !== undefined);
  const last = found.at(-1);
  if (roll === undefined || last === undefined || found.length < pages)
    throw new RollError("store-corrupt", `a page of the evidence of ${rollId} is gone`, false);
  const sums = found.map((page) => page.sums);
  const seal = sealOf(roll, totalsOf(last.ties, sums, hashes), clock.now());
  await blobs.putDocument(rollId, evidenceDocuments.sealed, { seal, pages });
  return (await blobs.findDocument(rollId, evidenceDocuments.sealed))?.seal ?? seal;
}
