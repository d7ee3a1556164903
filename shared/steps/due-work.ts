import type {
  countBatches,
  reclaimBatch,
  reclaimTrust,
  releaseBatch,
  releaseTrust as releaseTrustOfDue,
  settleDue,
} from "../contract/due";
import type { AuthorityPlan } from "../domain/authority/plan";
import { dueKey, nextRecheck, nextRetirement, type DueKind } from "../domain/due";
import { addMs } from "../domain/instant";
import { addSummaries } from "../domain/roll/batch-summary";
import type { RollId } from "../domain/ids";
import { isBreach } from "../domain/roll/playbook";
import type { DeviceCounts } from "../domain/roll/device-state";
import type { Roll } from "../domain/roll/roll";
import type { Clock } from "../ports/clock";
import type { DueRows } from "../ports/due-rows";
import type { BatchStore, RollBlobs, RollStore } from "../ports/stores";
import type { TargetClaims } from "../ports/target-claims";
import { authorityPlan } from "./authority-world";
import { claimTrust, releaseTrust } from "./claim-trust";
import type { Step } from "./step";

export interface DueWorkDeps {
  readonly clock: Clock;
  readonly due: DueRows;
  readonly rolls: RollStore;
  readonly batches: BatchStore;
  readonly blobs: RollBlobs;
  readonly targetClaims: TargetClaims;
}

export function createCountBatches({ rolls }: DueWorkDeps): Step<typeof countBatches> {
  return async ({ rollId }) => ({ batches: (await rolls.get(rollId))?.batches ?? 0 });
}

/** Claims what is left to look after; what another open roll has by now is that roll's. */
export function createReclaimBatch({ batches, targetClaims }: DueWorkDeps): Step<typeof reclaimBatch> {
  return async ({ rollId, batch }) => {
    const { rows } = await batches.read(rollId, batch);
    const left = rows.filter(
      (row) => row.containedAt !== undefined && row.proof === undefined && row.skipped === undefined,
    );
    // As light as an expiry: whatever else is under way has the right of way.
    const { held } = await targetClaims.claim(
      { rollId, batch, priority: 0 },
      "device",
      left.map(({ registrationId }) => ({ id: registrationId })),
    );
    return { mine: left.length - held.size };
  };
}

export function createReleaseBatch({ batches, targetClaims }: DueWorkDeps): Step<typeof releaseBatch> {
  return async ({ rollId, batch }) => {
    const { rows } = await batches.read(rollId, batch);
    const ids = rows.map(({ registrationId }) => registrationId);
    await targetClaims.release(rollId, "device", ids);
    return {};
  };
}

/** What is left of a CA roll whose old CA was to stay until it had run out; undefined: nothing. */
async function leftInGroup(
  { blobs, rolls }: Pick<DueWorkDeps, "blobs" | "rolls">,
  rollId: RollId,
): Promise<AuthorityPlan | undefined> {
  const isLeft = (await rolls.get(rollId))?.trust?.old.some(({ state }) => state === "in-group") === true;
  return isLeft ? blobs.findDocument(rollId, authorityPlan) : undefined;
}

export function createReclaimTrust(deps: DueWorkDeps): Step<typeof reclaimTrust> {
  return async ({ rollId }) => {
    const plan = await leftInGroup(deps, rollId);
    if (plan === undefined) return { mine: false };
    const request = await deps.blobs.getRequest(rollId);
    return { mine: (await claimTrust(deps.targetClaims, rollId, request, plan)) === undefined };
  };
}

export function createReleaseTrust({ targetClaims, blobs }: DueWorkDeps): Step<typeof releaseTrustOfDue> {
  return async ({ rollId }) => {
    await releaseTrust(targetClaims, blobs, rollId);
    return {};
  };
}

/** Re-reads and retirements are due again while something is left; anything else is done. */
export function createSettleDue(deps: DueWorkDeps): Step<typeof settleDue> {
  return async ({ rollId, key }) => {
    const row = await deps.due.find(key);
    const roll = await deps.rolls.get(rollId);
    const again = row !== undefined && roll !== undefined && (await noteAgain(deps, row.kind, roll));
    if (!again) await deps.due.settle(key);
    return {};
  };
}

async function noteAgain(deps: DueWorkDeps, kind: DueKind, roll: Roll): Promise<boolean> {
  switch (kind) {
    case "recheck":
      return noteRecheck(deps, roll);
    case "retire":
      return noteRetire(deps, roll);
    case "retire-ca":
      return noteRetireAuthority(deps, roll);
    case "lift-deny":
      return false;
    default:
      return kind satisfies never;
  }
}

/** States of devices that are cut off and not proven: somebody has to keep an eye on them. */
const LEFT_CONTAINED = ["contained", "contained-unconfirmed", "await-self-heal", "dispatched"] as const;

/** Notes when the devices that this roll left contained are read next; true if there is anything to read. */
export async function noteRecheck(
  { clock, due, blobs }: Pick<DueWorkDeps, "clock" | "due" | "blobs">,
  roll: Pick<Roll, "rollId" | "playbook" | "finishedAt" | "counts">,
): Promise<boolean> {
  const left = leftContained(roll.counts ?? {});
  if (!isBreach(roll.playbook) || roll.finishedAt === undefined || left === 0) return false;
  const { timing } = await blobs.getRequest(roll.rollId);
  const now = clock.now();
  const dueAt = nextRecheck(roll.finishedAt, now, timing.recheckMs);
  if (dueAt === undefined) return false;
  await due.note({
    key: recheckKey(roll.rollId),
    kind: "recheck",
    dueAt,
    rollId: roll.rollId,
    reason: `${left} devices were contained and not proven when the roll closed; they are read again`,
    notedAt: now,
  });
  return true;
}

/** Notes when the first old leaf may go that a closed expiry roll left in an entry; true if there is any. */
export async function noteRetire(
  { clock, due, blobs, rolls }: Pick<DueWorkDeps, "clock" | "due" | "blobs" | "rolls">,
  { rollId, playbook, outcome }: Pick<Roll, "rollId" | "playbook" | "outcome">,
): Promise<boolean> {
  if (playbook !== "individual-expiry" || outcome === "aborted") return false;
  const { retireAt } = addSummaries(await rolls.readSummaries(rollId));
  if (retireAt === undefined) return false;
  const { timing, retire } = await blobs.getRequest(rollId);
  const now = clock.now();
  // What could have gone by now did not, because some service was away.
  const earliest = retire?.when === "old-expired" && retireAt > now ? retireAt : addMs(now, timing.recheckMs);
  await due.note({
    key: dueKey("retire", rollId),
    kind: "retire",
    dueAt: earliest,
    rollId,
    reason: "old certificates of devices that were rolled leave their enrollments",
    notedAt: now,
  });
  return true;
}

/** Notes when the old CA of a closed CA roll has run out that is to stay until then; true if there is any. */
export async function noteRetireAuthority(
  deps: Pick<DueWorkDeps, "clock" | "due" | "blobs" | "rolls">,
  { rollId, playbook, outcome }: Pick<Roll, "rollId" | "playbook" | "outcome">,
): Promise<boolean> {
  const ended = outcome === "aborted" || outcome === "refused" || outcome === "planned";
  if (playbook !== "group-expiry" || ended) return false;
  const { retire } = await deps.blobs.getRequest(rollId);
  const plan = retire?.when === "old-expired" ? await leftInGroup(deps, rollId) : undefined;
  if (plan === undefined) return false;
  const now = deps.clock.now();
  const dueAt = nextRetirement(
    plan.old.map(({ notAfter }) => notAfter),
    now,
  );
  if (dueAt === undefined) return false;
  await deps.due.note({
    key: dueKey("retire-ca", rollId),
    kind: "retire-ca",
    dueAt,
    rollId,
    reason: `the old CA leaves group ${plan.groupId} once it has run out, as the order asked for`,
    notedAt: now,
  });
  return true;
}

function recheckKey(rollId: RollId): string {
  return dueKey("recheck", rollId);
}

function leftContained(counts: DeviceCounts): number {
  return LEFT_CONTAINED.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
}
