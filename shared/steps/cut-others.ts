import type { cutOthers, holdOthers } from "../contract/examination";
import type { RegistrationId, RollId } from "../domain/ids";
import { cutBatches, unique } from "../domain/roll/cut-targets";
import { priorityOf } from "../domain/roll/playbook";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import type { TargetClaims } from "../ports/target-claims";
import { isUnlimited, nameForApproval, type AdmissionDeps } from "./admission";
import { documents, type OthersCut } from "./roll-documents";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface CutOthersDeps extends AdmissionDeps {
  readonly targetClaims: Pick<TargetClaims, "holders">;
}

/**
 * Cuts what was found beside the target list into batches behind the others. Who is among them is written down before
 * anything is cut: once they are claimed, they could not be told from those that had a batch before.
 */
export function createCutOthers(deps: CutOthersDeps): Step<typeof cutOthers> {
  const { blobs, rolls } = deps;
  return async ({ rollId, at, parts, batches: from }) => {
    const numbers = Array.from({ length: parts }, (_, part) => part);
    const pieces = await mapSideBySide(numbers, (part) => blobs.findDocument(rollId, documents.otherPart(at, part)));
    const found = unique(pieces.flatMap((piece) => piece?.targets ?? []));
    const cut = await decide(deps, rollId, found, { at, from });
    const chosen = new Set(cut.registrationIds);
    const targets = found.filter(({ registrationId }) => chosen.has(registrationId));
    const { batches: slices } = cutBatches([{ name: at, targets }]);
    await mapSideBySide([...slices.entries()], ([n, slice]) => blobs.putTargets(rollId, cut.from + n, slice));
    const batches = cut.from + slices.length;
    await rolls.update(rollId, (roll) =>
      roll.batches >= batches ? roll : { ...roll, batches, devices: roll.devices + targets.length },
    );
    return { batches };
  };
}

async function decide(
  deps: CutOthersDeps,
  rollId: RollId,
  found: readonly RollTarget[],
  { at, from }: { readonly at: Parameters<typeof documents.othersCut>[0]; readonly from: number },
): Promise<OthersCut> {
  const document = documents.othersCut(at);
  const known = await deps.blobs.findDocument(rollId, document);
  if (known !== undefined) return known;
  const registrationIds = await withoutBatch(deps, rollId, found, from);
  await deps.blobs.putDocument(rollId, document, { from, registrationIds });
  // Another run may have been first.
  return (await deps.blobs.findDocument(rollId, document)) ?? { from, registrationIds };
}

/** Those that neither this roll has already nor another one that would not give them up. */
async function withoutBatch(
  deps: CutOthersDeps,
  rollId: RollId,
  found: readonly RollTarget[],
  batches: number,
): Promise<RegistrationId[]> {
  const request = await deps.blobs.getRequest(rollId);
  const priority = priorityOf(request.playbook, request.group?.authority ?? "leaf");
  const ids = found.map(({ registrationId }) => registrationId);
  const holders = await deps.targetClaims.holders("device", ids);
  const unclaimed = await heldBackIn(deps, rollId, request, batches);
  return ids.filter((id) => {
    const holder = holders.get(id);
    const isLeft = holder !== undefined && (holder.rollId === rollId || holder.priority >= priority);
    return !isLeft && !unclaimed.has(id);
  });
}

/** Devices that wait for an approval are in a batch, and nobody's. */
async function heldBackIn(
  deps: CutOthersDeps,
  rollId: RollId,
  request: RollRequest,
  batches: number,
): Promise<ReadonlySet<RegistrationId>> {
  if (await isUnlimited(deps, rollId, request)) return new Set();
  const all = await targetsOf(deps, rollId, 0, batches);
  return new Set(all.map(({ registrationId }) => registrationId));
}

/**
 * Whoever was not counted when an alert was let through waits for a person, whatever is left of the hour's budget: what an
 * examination finds may be half a hub.
 */
export function createHoldOthers(deps: CutOthersDeps): Step<typeof holdOthers> {
  return async ({ rollId, from, batches }) => {
    const request = await deps.blobs.getRequest(rollId);
    if (await isUnlimited(deps, rollId, request)) return {};
    const targets = await targetsOf(deps, rollId, from, batches);
    const planHash = deps.entropy.sha256(JSON.stringify(targets.map(({ registrationId }) => registrationId)));
    await nameForApproval(deps, rollId, planHash);
    return { heldBack: { devices: targets.length, planHash, fromBatch: from } };
  };
}

async function targetsOf(
  { blobs }: CutOthersDeps,
  rollId: RollId,
  from: number,
  to: number,
): Promise<readonly RollTarget[]> {
  const numbers = Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);
  return (await mapSideBySide(numbers, (batch) => blobs.getTargets(rollId, batch))).flat();
}
