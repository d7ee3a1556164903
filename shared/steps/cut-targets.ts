import type { cutTargets } from "../contract/activities";
import { cutBatches, unique } from "../domain/roll/cut-targets";
import type { RollBlobs, RollStore } from "../ports/stores";
import { documents } from "./roll-documents";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface CutTargetsDeps {
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
}

/**
 * Orders and cuts the target list. Safe to run twice: the parts do not change, so that a second run makes the same batches,
 * and the first write of each stands.
 */
export function createCutTargets({ rolls, blobs }: CutTargetsDeps): Step<typeof cutTargets> {
  return async ({ rollId, parts }) => {
    const pages = await mapSideBySide(
      Array.from({ length: parts }, (_, part) => part),
      (part) => blobs.findDocument(rollId, documents.part(part)),
    );
    const targets = unique(pages.flatMap((page) => page?.targets ?? []));
    const { waves, batches } = cutBatches([{ name: "all", targets }]);
    await mapSideBySide([...batches.entries()], ([batch, slice]) => blobs.putTargets(rollId, batch, slice));
    await blobs.putDocument(rollId, documents.waves, [...waves]);
    const sizes = { devices: targets.length, batches: batches.length, waves: waves.length };
    await rolls.update(rollId, (roll) => ({
      ...roll,
      ...sizes,
      phase: roll.phase === "requested" ? "planning" : roll.phase,
    }));
    return sizes;
  };
}
