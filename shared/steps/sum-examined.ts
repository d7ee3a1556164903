import { BATCHES_PER_PAGE, type sumExamined } from "../contract/plan";
import { addExamined, type Examined } from "../domain/plan/examined";
import { RollError } from "../domain/roll-error";
import type { Entropy } from "../ports/clock";
import type { RollBlobs } from "../ports/stores";
import { documents } from "./roll-documents";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface SumExaminedDeps {
  readonly blobs: RollBlobs;
  readonly entropy: Entropy;
}

/** Puts a page's findings together. Safe to run twice: what a batch was found to be does not change. */
export function createSumExamined({ blobs, entropy }: SumExaminedDeps): Step<typeof sumExamined> {
  return async ({ rollId, page, batches }) => {
    const from = page * BATCHES_PER_PAGE;
    const end = Math.min(from + BATCHES_PER_PAGE, batches);
    const numbers = Array.from({ length: Math.max(0, end - from) }, (_, at) => from + at);
    const parts = await mapSideBySide(numbers, async (batch) => {
      const part = await blobs.findDocument(rollId, documents.examined(batch));
      if (part === undefined)
        throw new RollError("store-corrupt", `batch ${batch} of ${rollId} was not examined`, false);
      return part;
    });
    const sum = together(entropy, parts);
    await blobs.putDocument(rollId, documents.examinedPage(page), sum);
    return { devices: sum.devices };
  };
}

/** Several findings as one, under a hash over theirs. */
export function together(entropy: Entropy, parts: readonly Examined[]): Examined {
  return addExamined(parts, entropy.sha256(parts.map(({ sha256 }) => sha256).join("")));
}
