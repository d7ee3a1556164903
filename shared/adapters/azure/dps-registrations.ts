import type { ProvisioningServiceClient } from "azure-iot-provisioning-service";
import type { Registrations } from "../../ports/registrations";
import { everything, guardedDelete, readPage } from "./dps-answers";
import { toRegistration } from "./registration-record";

/** Registration records of one DPS instance. `timeoutMs` bounds each call. */
export function createRegistrations(client: ProvisioningServiceClient, timeoutMs: number): Registrations {
  return {
    listByGroup: (groupId, cursor) => {
      const [query, pageSize] = everything("enrollmentGroups");
      return readPage(
        timeoutMs,
        () => client.createEnrollmentGroupDeviceRegistrationStateQuery(query, groupId, pageSize),
        cursor,
        (record) => toRegistration(record, `a registration of group ${groupId}`),
      );
    },

    delete({ registrationId, etag }) {
      // Without one the deletion would not be guarded.
      if (etag === undefined) return Promise.resolve({ outcome: "refused", detail: "the record came without an ETag" });
      return guardedDelete(timeoutMs, () => client.deleteDeviceRegistrationState(registrationId, etag));
    },
  };
}
