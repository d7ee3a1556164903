import { z } from "zod";
import type { HeldBack } from "../contract/activities";
import type { RollId } from "../domain/ids";
import { isAutomatic } from "../domain/roll/auto-contain";
import { BATCH_SIZE } from "../domain/roll/batch";
import type { Wave } from "../domain/roll/cut-targets";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import type { AutoContainBudget } from "../ports/auto-contain";
import type { Entropy } from "../ports/clock";
import type { Document, RollBlobs, RollStore } from "../ports/stores";

export interface AdmissionDeps {
  readonly entropy: Entropy;
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
  readonly autoContain: AutoContainBudget;
}

const Admission = z.object({ admitted: z.int().nonnegative() });

/** How many devices of the list, in its order, a roll may cut off without a person; decided once. */
const admission: Document<z.infer<typeof Admission>> = { name: "admission", schema: Admission };

/** Whoever approved the group approved its devices. */
const ALL = 1_000_000_000;

/** Decides how much of the list may be cut off now; undefined: all of it. The rest is named by a hash, for the approval. */
export async function admitDevices(
  deps: AdmissionDeps,
  rollId: RollId,
  request: RollRequest,
  batches: readonly (readonly RollTarget[])[],
): Promise<HeldBack | undefined> {
  if (!isAutomatic(request)) return undefined;
  const targets = batches.flat();
  const admitted = await decide(deps, rollId, targets.length);
  if (admitted >= targets.length) return undefined;
  const list = targets.map(({ registrationId, compromisedSlots }) => [registrationId, compromisedSlots]);
  const planHash = deps.entropy.sha256(JSON.stringify(list));
  await nameForApproval(deps, rollId, planHash);
  return { devices: targets.length - admitted, planHash, fromBatch: batchOf(batches, admitted) };
}

/** What an approval of the roll has to name, on its header. */
export async function nameForApproval(
  { rolls }: Pick<AdmissionDeps, "rolls">,
  rollId: RollId,
  planHash: string,
): Promise<void> {
  await rolls.update(rollId, (roll) => ({ ...roll, planHash }));
}

/** Notes that the whole roll was approved, or that so many of its devices may be cut off without. */
export async function noteAdmitted(
  { blobs }: Pick<AdmissionDeps, "blobs">,
  rollId: RollId,
  devices: number | "all",
): Promise<void> {
  await blobs.putDocument(rollId, admission, { admitted: devices === "all" ? ALL : devices });
}

/** True once it is decided how much of the roll may go on. */
export async function isAdmitted({ blobs }: Pick<AdmissionDeps, "blobs">, rollId: RollId): Promise<boolean> {
  return (await blobs.findDocument(rollId, admission)) !== undefined;
}

/** How many devices of the roll's list may be cut off now; infinite where nothing limits it. */
export async function admittedOf(
  { blobs }: Pick<AdmissionDeps, "blobs">,
  rollId: RollId,
  request: RollRequest,
): Promise<number> {
  if (!isAutomatic(request)) return Infinity;
  return (await blobs.findDocument(rollId, admission))?.admitted ?? 0;
}

/** True where nothing limits how many devices the roll may cut off: a person answers for it, or has approved it. */
export async function isUnlimited(
  deps: Pick<AdmissionDeps, "blobs">,
  rollId: RollId,
  request: RollRequest,
): Promise<boolean> {
  return (await admittedOf(deps, rollId, request)) >= ALL;
}

/** The place in the whole list of a batch's first device. */
export function placeOf(waves: readonly Wave[], batch: number): number {
  let before = 0;
  for (const { firstBatch, batches, devices } of waves) {
    if (batch < firstBatch + batches) return before + (batch - firstBatch) * BATCH_SIZE;
    before += devices;
  }
  return before;
}

async function decide(deps: AdmissionDeps, rollId: RollId, devices: number): Promise<number> {
  const stands = await deps.blobs.findDocument(rollId, admission);
  if (stands !== undefined) return stands.admitted;
  await noteAdmitted(deps, rollId, await deps.autoContain.take({ rollId, devices, whole: false }));
  // Another run may have been first.
  return (await deps.blobs.findDocument(rollId, admission))?.admitted ?? 0;
}

function batchOf(batches: readonly (readonly RollTarget[])[], place: number): number {
  let before = 0;
  return batches.findIndex(({ length }) => (before += length) > place);
}
