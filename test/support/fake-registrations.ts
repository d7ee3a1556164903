import type { Faults } from "../../lab/faults/faults";
import type { EnrollmentGroupId, RegistrationId } from "../../shared/domain/ids";
import type { Clock } from "../../shared/ports/clock";
import type { Registration } from "../../shared/ports/enrollments";
import type { EntryDeletion } from "../../shared/ports/entries";
import type { Registrations } from "../../shared/ports/registrations";
import { underFaults } from "./fake-faults";
import { pageOf, refusedWrite, type Versions } from "./fake-records";

/** Registration records in memory: one per device, the last one, under the group that it came through. */
export class FakeRegistrations {
  readonly port: Registrations;
  private readonly records = new Map<RegistrationId, Registration>();
  private readonly groups = new Map<RegistrationId, EnrollmentGroupId>();

  constructor(
    private readonly clock: Clock,
    faults: Faults,
    private readonly versions: Versions,
  ) {
    this.port = {
      listByGroup: (groupId, cursor) =>
        underFaults(faults, { operation: "dps.registration.query", subject: groupId, write: false }, () => {
          const listed = [...this.records].filter(([id]) => this.groups.get(id) === groupId);
          return pageOf(new Map(listed), cursor);
        }),
      delete: (registration) => {
        const { registrationId, etag } = registration;
        if (etag === undefined)
          return Promise.resolve({ outcome: "refused", detail: "the record came without an ETag" });
        const work = (commit: boolean): EntryDeletion => this.delete(registration, commit);
        const call = { operation: "dps.registration.delete", subject: registrationId, write: true };
        return underFaults(faults, call, work, refusedWrite);
      },
    };
  }

  get(registrationId: RegistrationId): Registration | undefined {
    return this.records.get(registrationId);
  }

  /** Puts a record there as it is, as of now. `groupId`: the group it came through; it stays listed there. */
  set(registration: Omit<Registration, "createdAt" | "lastUpdatedAt" | "etag">, groupId?: EnrollmentGroupId): void {
    const { registrationId } = registration;
    const etag = this.versions.nextOfRegistration();
    const lastUpdatedAt = this.clock.now();
    const createdAt = this.records.get(registrationId)?.createdAt ?? lastUpdatedAt;
    this.records.set(registrationId, { ...registration, createdAt, lastUpdatedAt, etag });
    if (groupId !== undefined) this.groups.set(registrationId, groupId);
  }

  private delete({ registrationId, etag }: Registration, commit: boolean): EntryDeletion {
    const held = this.records.get(registrationId);
    if (held === undefined) return { outcome: "missing" };
    if (held.etag !== etag) return { outcome: "precondition-failed" };
    if (commit) this.records.delete(registrationId);
    return { outcome: "deleted" };
  }
}
