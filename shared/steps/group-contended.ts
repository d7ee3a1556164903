import type { EnrollmentGroupId } from "../domain/ids";
import { RollError } from "../domain/roll-error";

/** A group that others wrote before each of our guarded writes; the step is tried again. */
export function groupContended(groupId: EnrollmentGroupId): RollError {
  return new RollError("service-unavailable", `group ${groupId} was written by others each time`, true);
}
