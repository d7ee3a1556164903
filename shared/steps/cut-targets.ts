import type { cutTargets } from "../contract/activities";
import type { RollId } from "../domain/ids";
import { partition } from "../domain/pacing/partition";
import { cutBatches, unique } from "../domain/roll/cut-targets";
import type { Refusal } from "../domain/roll/device-row";
import { isBreach } from "../domain/roll/playbook";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import type { RollStore } from "../ports/stores";
import { admitDevices, type AdmissionDeps } from "./admission";
import { documents } from "./roll-documents";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export type CutTargetsDeps = AdmissionDeps;

/**
 * Orders and cuts the target list. Safe to run twice: the parts do not change, so that a second run makes the same batches,
 * and the first write of each stands.
 */
export function createCutTargets(deps: CutTargetsDeps): Step<typeof cutTargets> {
  const { rolls, blobs } = deps;
  return async ({ rollId, parts }) => {
    const pages = await mapSideBySide(
      Array.from({ length: parts }, (_, part) => part),
      (part) => blobs.findDocument(rollId, documents.part(part)),
    );
    const targets = unique(pages.flatMap((page) => page?.targets ?? []));
    const request = await blobs.getRequest(rollId);
    const wanted = toWaves(request, targets);
    if ("refusal" in wanted) return refuse(rolls, rollId, targets.length, wanted.refusal);
    const { waves, batches } = cutBatches(wanted.waves);
    await mapSideBySide([...batches.entries()], ([batch, slice]) => blobs.putTargets(rollId, batch, slice));
    await blobs.putDocument(rollId, documents.waves, [...waves]);
    const sizes = { devices: targets.length, batches: batches.length, waves: waves.length };
    await rolls.update(rollId, (roll) => ({
      ...roll,
      ...sizes,
      phase: roll.phase === "requested" ? "planning" : roll.phase,
    }));
    const heldBack = await admitDevices(deps, rollId, request, batches);
    return heldBack === undefined ? sizes : { ...sizes, heldBack };
  };
}

type Cut = { readonly waves: Parameters<typeof cutBatches>[0] } | { readonly refusal: Refusal };

/** Waves govern who is told to change over, and when; containment knows none. */
function toWaves({ playbook, waves: policy }: RollRequest, targets: readonly RollTarget[]): Cut {
  const everybody = { waves: [{ name: "all", targets }] };
  if (policy === undefined || isBreach(playbook)) return everybody;
  const parted = partition(policy, targets);
  if (parted.outcome === "refused") return { refusal: { code: parted.reason, detail: parted.detail } };
  return {
    waves: parted.waves.map(({ wave: { number: _number, size: _size, name, ...rules }, devices }) => ({
      name,
      targets: devices,
      rules,
    })),
  };
}

/** A list that cannot be cut is not rolled: nothing is opened, and the roll says why. */
async function refuse(
  rolls: RollStore,
  rollId: RollId,
  devices: number,
  refusal: Refusal,
): Promise<{ devices: number; batches: number; waves: number; refused: string }> {
  await rolls.update(rollId, (roll) => ({ ...roll, devices, batches: 0, waves: 0, refusal }));
  return { devices, batches: 0, waves: 0, refused: refusal.code };
}
