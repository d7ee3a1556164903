import type { dropAuthority } from "../contract/authority-activities";
import type { AuthorityPlan } from "../domain/authority/plan";
import { refuseRetirement } from "../domain/authority/retire";
import { decideDrop } from "../domain/authority/slots";
import type { RollId } from "../domain/ids";
import type { Refusal } from "../domain/roll/device-row";
import { addSummaries } from "../domain/roll/batch-summary";
import type { ControlStore } from "../ports/control";
import type { GroupChange } from "../ports/enrollment-groups";
import { frozenPlan, noteRefusal, noteTrust, slotChanges, withoutHindrance } from "./authority-world";
import { groupContended } from "./group-contended";
import { PASSES, putGroup, readGroup, type GroupTrustDeps } from "./stage-authority";
import type { Step } from "./step";

export interface DropAuthorityDeps extends GroupTrustDeps {
  readonly control: ControlStore;
}

/**
 * Takes the old CA out of the group, once nobody needs it any more. It is asked again before every write; the group is
 * left as it is where somebody took the new CA out meanwhile.
 */
export function createDropAuthority(deps: DropAuthorityDeps): Step<typeof dropAuthority> {
  const { blobs, rolls } = deps;
  return async ({ rollId }) => {
    const plan = await frozenPlan(blobs, rollId);
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const world = await readGroup(deps, rollId, plan);
      if ("code" in world) return noteRefusal(rolls, rollId, "refused", world);
      const { group, slots } = world;
      const decision = decideDrop(slots, plan.successor, plan.old);
      if (decision.kind === "done") {
        await noteTrust(rolls, rollId, (trust) => ({
          ...withoutHindrance(trust),
          old: trust.old.map((old) => (old.state === "in-group" ? { ...old, state: "out-of-group" } : old)),
        }));
        return { outcome: "dropped" };
      }
      const refusal = decision.kind === "refused" ? decision.refusal : await notYet(deps, rollId, plan);
      if (refusal !== undefined) return noteRefusal(rolls, rollId, "refused", refusal);
      const change: GroupChange = {
        slots: decision.kind === "clear" ? slotChanges({ [decision.slot]: { kind: "clear" } }) : "promote",
        provisioningStatus: group.provisioningStatus,
      };
      const action = decision.kind === "clear" ? `clear-${decision.slot}` : "promote-secondary";
      const answer = await putGroup(deps, rollId, group, { step: "drop-authority", action }, change, plan);
      if (answer.outcome === "refused")
        return noteRefusal(rolls, rollId, "refused", { code: "group-write-refused", detail: answer.detail });
    }
    throw groupContended(plan.groupId);
  };
}

/** Why the old CA must stay for now. */
async function notYet(
  { blobs, rolls, control, clock }: DropAuthorityDeps,
  rollId: RollId,
  { old }: AuthorityPlan,
): Promise<Refusal | undefined> {
  const [roll, summaries, request, wish] = await Promise.all([
    rolls.get(rollId),
    rolls.readSummaries(rollId),
    blobs.getRequest(rollId),
    control.get(rollId),
  ]);
  const { proven = 0, retired = 0 } = addSummaries(summaries).counts;
  return refuseRetirement({
    aborted: wish?.desired === "aborted",
    devices: roll?.devices ?? 0,
    proven: proven + retired,
    when: request.retire?.when ?? "all-proven",
    oldNotAfter: old.map(({ notAfter }) => notAfter),
    now: clock.now(),
  });
}
