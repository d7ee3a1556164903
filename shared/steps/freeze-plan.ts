import { BATCHES_PER_PAGE, type freezePlan } from "../contract/plan";
import type { RollId } from "../domain/ids";
import { canonicalJson } from "../domain/plan/canonical-json";
import type { Examined } from "../domain/plan/examined";
import { makePlan, type ApprovalRule } from "../domain/plan/make-plan";
import type { Allowance } from "../domain/plan/pace";
import type { FrozenPlan } from "../domain/plan/roll-plan";
import type { WindowStarts } from "../domain/pacing/windows";
import { rulesOf } from "../domain/roll/cut-targets";
import type { Refusal } from "../domain/roll/device-row";
import { isBreach } from "../domain/roll/playbook";
import { RollError } from "../domain/roll-error";
import type { Clock, Entropy } from "../ports/clock";
import type { RollBlobs, RollStore } from "../ports/stores";
import { readPlanTrust, type PlanTrustDeps } from "./plan-trust";
import { documents } from "./roll-documents";
import { mapSideBySide } from "./side-by-side";
import { together } from "./sum-examined";
import type { Step } from "./step";

export interface FreezePlanDeps extends PlanTrustDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
  readonly calendar: WindowStarts;
  readonly quotas: Allowance;
  readonly approvals: ApprovalRule;
  /** An issuer for certificate requests is configured. */
  readonly hasIssuer: boolean;
}

/** Makes the plan and writes it down. The first plan stands: whoever asks again gets that one, whatever has changed since. */
export function createFreezePlan(deps: FreezePlanDeps): Step<typeof freezePlan> {
  const { rolls, blobs } = deps;
  return async ({ rollId, batches }) => {
    const { planHash, refusals, approval, dryRun } = await frozen(deps, rollId, batches);
    // A list that an alert may not cut off alone is named there already, and waits for its approval.
    await rolls.update(rollId, (roll) =>
      isBreach(roll.playbook) && roll.planHash !== undefined ? roll : { ...roll, planHash },
    );
    const { pollMs, recheckMs, deadline } = (await blobs.getRequest(rollId)).timing;
    return {
      planHash,
      refused: refusals.length > 0,
      approval: approval.required,
      dryRun,
      pace: { pollMs, recheckMs, deadline },
    };
  };
}

async function frozen(deps: FreezePlanDeps, rollId: RollId, batches: number): Promise<FrozenPlan> {
  const { blobs } = deps;
  const known = await blobs.findDocument(rollId, documents.plan);
  if (known !== undefined) return known;
  await blobs.putDocument(rollId, documents.plan, await make(deps, rollId, batches));
  // Another run may have been first.
  const stands = await blobs.findDocument(rollId, documents.plan);
  if (stands === undefined) throw new Error("a plan that was just written is gone");
  return stands;
}

async function make(deps: FreezePlanDeps, rollId: RollId, batches: number): Promise<FrozenPlan> {
  const { rolls, blobs, clock, entropy, calendar, quotas, approvals, hasIssuer } = deps;
  const [request, roll, waves] = await Promise.all([
    blobs.getRequest(rollId),
    rolls.get(rollId),
    blobs.findDocument(rollId, documents.waves),
  ]);
  if (roll === undefined) throw new RollError("store-corrupt", `roll ${rollId} has no header`, false);
  const found = await gather(deps, rollId, batches);
  const { trust, refusals } = await readPlanTrust(deps, rollId, request);
  const earlier = [roll.refusal, roll.trust?.refusal].filter((one): one is Refusal => one !== undefined);
  const plan = makePlan({
    ...{ rollId, request, trust, approvals, hasIssuer },
    // A list that could not be cut was not looked at; how long it is, is known.
    found: batches === 0 ? { ...found, devices: roll.devices } : found,
    waves: (waves ?? []).map((wave) => ({ name: wave.name, size: wave.devices, ...rulesOf(wave) })),
    refused: [...earlier, ...refusals],
    allowance: quotas,
    starts: calendar,
    now: clock.now(),
  });
  return { ...plan, planHash: entropy.sha256(canonicalJson(plan)) };
}

async function gather({ blobs, entropy }: FreezePlanDeps, rollId: RollId, batches: number): Promise<Examined> {
  const pages = Array.from({ length: Math.ceil(batches / BATCHES_PER_PAGE) }, (_, page) => page);
  const parts = await mapSideBySide(pages, async (page) => {
    const part = await blobs.findDocument(rollId, documents.examinedPage(page));
    if (part === undefined) throw new RollError("store-corrupt", `page ${page} of ${rollId} was not summed up`, false);
    return part;
  });
  return together(entropy, parts);
}
