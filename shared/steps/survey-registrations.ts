import type { surveyRegistrations } from "../contract/authority-activities";
import type { Registrations } from "../ports/registrations";
import type { ClaimStore, RollBlobs } from "../ports/stores";
import { frozenPlan } from "./authority-world";
import type { Step } from "./step";

export interface SurveyRegistrationsDeps {
  readonly registrations: Registrations;
  readonly claims: ClaimStore;
  readonly blobs: RollBlobs;
}

/**
 * Reads a page of the group's registrations and finds devices that no roll holds: every device of this roll is claimed by
 * it, so these came later. One that another roll holds stands in this one as skipped, and is not late.
 */
export function createSurveyRegistrations(deps: SurveyRegistrationsDeps): Step<typeof surveyRegistrations> {
  const { registrations, claims, blobs } = deps;
  return async ({ rollId, cursor }) => {
    const { groupId } = await frozenPlan(blobs, rollId);
    const { items, next } = await registrations.listByGroup(groupId, cursor);
    // What never came through opens nothing, and has nothing to lose.
    const present = items.filter(({ status }) => status === "assigned" || status === "assigning");
    const held = await claims.findHolders(present.map(({ registrationId }) => registrationId));
    const late = present.filter(({ registrationId }) => !held.has(registrationId));
    return { found: late.length, ...(next === undefined ? {} : { next }) };
  };
}
