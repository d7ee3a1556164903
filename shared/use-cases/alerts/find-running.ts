import type { RollId } from "../../domain/ids";
import { takesOver } from "../../domain/roll/claim";
import { isBreach, priorityOf } from "../../domain/roll/playbook";
import type { GroupScope, RollRequest } from "../../domain/roll/request";
import type { CertificateReader } from "../../ports/certificates";
import type { RollBlobs, RollStore } from "../../ports/stores";
import type { TargetClaims } from "../../ports/target-claims";
import { claimScopeOf } from "../../steps/open-batches";

export interface FindRunningDeps {
  readonly certificates: CertificateReader;
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
  readonly targetClaims: Pick<TargetClaims, "holders">;
}

/**
 * The running roll that cuts off all that this one would: then the alert adds nothing to it. An alert that names one
 * credential more, or one device that nobody has, is not covered.
 */
export async function findRunning(deps: FindRunningDeps, request: RollRequest): Promise<RollId | undefined> {
  if (request.group !== undefined && request.targets.length === 0) return findGroupRoll(deps, request.group);
  const priority = priorityOf(request.playbook, "leaf");
  const ids = request.targets.map(({ registrationId }) => registrationId);
  const holders = await deps.targetClaims.holders("device", ids);
  let running: RollId | undefined;
  for (const target of request.targets) {
    const holder = holders.get(target.registrationId);
    if (holder === undefined || holder.priority === 0) return undefined;
    const scope = claimScopeOf(deps.certificates, target);
    if (takesOver({ rollId: holder.rollId, priority, scope }, holder)) return undefined;
    running = holder.rollId;
  }
  return running;
}

const LEVELS = ["leaf", "intermediate", "root"];

async function findGroupRoll({ rolls, blobs }: FindRunningDeps, group: GroupScope): Promise<RollId | undefined> {
  for (const { rollId } of await rolls.listOpen()) {
    const roll = await rolls.get(rollId);
    if (roll === undefined || !isBreach(roll.playbook) || roll.phase === "finished") continue;
    const { group: running, targets } = await blobs.getRequest(rollId);
    if (running?.groupId === group.groupId && targets.length === 0 && covers(running, group)) return rollId;
  }
  return undefined;
}

function covers(running: GroupScope, wanted: GroupScope): boolean {
  if (LEVELS.indexOf(running.authority) < LEVELS.indexOf(wanted.authority)) return false;
  const { slots = [], thumbprints = [] } = running.compromised ?? {};
  const { slots: wantedSlots = [], thumbprints: wantedThumbprints = [] } = wanted.compromised ?? {};
  return (
    wantedSlots.every((slot) => slots.includes(slot)) &&
    wantedThumbprints.every((thumbprint) => thumbprints.includes(thumbprint))
  );
}
