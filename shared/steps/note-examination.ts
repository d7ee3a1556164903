import type { beginExamination, noteExamination } from "../contract/examination";
import { InventoryId } from "../domain/inventory/inventory";
import { formatInstant } from "../domain/instant";
import type { Clock, Entropy } from "../ports/clock";
import type { InventoryStore } from "../ports/inventory";
import type { RollBlobs, RollStore } from "../ports/stores";
import { documents } from "./roll-documents";
import type { Step } from "./step";

export interface NoteExaminationDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
  readonly inventories: Pick<InventoryStore, "begin">;
}

/** Names the inventory once; a roll that begins anew goes on with the same one. */
export function createBeginExamination(deps: NoteExaminationDeps): Step<typeof beginExamination> {
  const { clock, entropy, rolls, blobs, inventories } = deps;
  return async ({ rollId }) => {
    const startedAt = clock.now();
    const stamp = formatInstant(startedAt).replace(/[-:.]/g, "");
    const wished = { inventoryId: InventoryId.parse(`${stamp}-${entropy.randomHex(4)}`), startedAt };
    await blobs.putDocument(rollId, documents.examination, wished);
    const examination = (await blobs.findDocument(rollId, documents.examination)) ?? wished;
    await inventories.begin(examination.inventoryId, examination.startedAt);
    await rolls.update(rollId, (roll) =>
      roll.examination === undefined ? { ...roll, examination: { ...examination, state: "running" } } : roll,
    );
    return examination;
  };
}

export function createNoteExamination({ rolls }: NoteExaminationDeps): Step<typeof noteExamination> {
  return async ({ rollId, state }) => {
    await rolls.update(rollId, (roll) =>
      roll.examination === undefined ? roll : { ...roll, examination: { ...roll.examination, state } },
    );
    return {};
  };
}
