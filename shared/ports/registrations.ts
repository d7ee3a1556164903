import type { EnrollmentGroupId } from "../domain/ids";
import type { Registration } from "./enrollments";
import type { EntryDeletion } from "./entries";
import type { Page } from "./page";

/**
 * The registration records of one DPS instance: one per device that ever tried, also after its group was deleted. One
 * record by its id is `Enrollments.getRegistration`. Throws `RollError` for outages.
 */
export interface Registrations {
  /**
   * The records of devices that came through this group; a group that nobody knows has none. Whether devices are listed
   * that have an individual enrollment by now is not documented. `cursor`: `next` of the page before; undefined begins.
   */
  listByGroup(groupId: EnrollmentGroupId, cursor: string | undefined): Promise<Page<Registration>>;
  /** Deletes one record, guarded by the ETag that it was read with. The hub identity stays. */
  delete(registration: Registration): Promise<EntryDeletion>;
}
