import { purgeRolls } from "../../shared/contract/purge";
import { createPurgeRolls, type PurgeRollsDeps } from "../../shared/steps/purge-rolls";
import { activity } from "./activity";

/** Names the step that purges to the host. */
export function registerPurgeRolls(deps: PurgeRollsDeps): void {
  activity(purgeRolls, createPurgeRolls(deps));
}
