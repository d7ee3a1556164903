import type { surveyRegistrations } from "../contract/authority-activities";
import type { Registrations } from "../ports/registrations";
import type { TargetClaims } from "../ports/target-claims";
import type { RollBlobs, RollStore } from "../ports/stores";
import { frozenPlan, noteRefusal } from "./authority-world";
import type { Step } from "./step";

export interface SurveyRegistrationsDeps {
  readonly registrations: Registrations;
  readonly targetClaims: TargetClaims;
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
}

/**
 * Reads a page of the group's registrations and finds devices that no roll holds: every device of this roll is claimed by
 * it, so these came later. One that another roll holds stands in this one as skipped, and is not late.
 */
export function createSurveyRegistrations(deps: SurveyRegistrationsDeps): Step<typeof surveyRegistrations> {
  const { registrations, targetClaims, rolls, blobs } = deps;
  return async ({ rollId, cursor }) => {
    const { groupId } = await frozenPlan(blobs, rollId);
    const { items, next } = await registrations.listByGroup(groupId, cursor);
    // What never came through opens nothing, and has nothing to lose.
    const present = items.filter(({ status }) => status === "assigned" || status === "assigning");
    const held = await targetClaims.holders(
      "device",
      present.map(({ registrationId }) => registrationId),
    );
    const late = present.filter(({ registrationId }) => !held.has(registrationId));
    const [first] = late;
    if (first !== undefined)
      await noteRefusal(rolls, rollId, "late", {
        code: "late-registrations",
        detail: `${first.registrationId} and maybe others registered after the target list was made, and nobody knows by which CA; the old one stays in the group until they are rolled`,
      });
    return { found: late.length, ...(next === undefined ? {} : { next }) };
  };
}
