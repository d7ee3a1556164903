import type { ProvisioningServiceClient } from "azure-iot-provisioning-service";
import { z } from "zod";
import type { EnrollmentReading, Enrollments, IndividualEnrollment, ListedEnrollment } from "../../ports/enrollments";
import { createOnly, everything, foundOrMissing, guardedDelete, guardedPut, parsed, readPage } from "./dps-answers";
import { changedRecord, EnrollmentRecord, newEnrollmentRecord, toEnrollment } from "./enrollment-record";
import { toRegistration } from "./registration-record";
import { readBySdk } from "./sdk-call";

/** Individual enrollments and registrations of one DPS instance. `timeoutMs` bounds each call. */
export function createEnrollments(client: ProvisioningServiceClient, timeoutMs: number): Enrollments {
  const get: Enrollments["get"] = async (registrationId): Promise<EnrollmentReading> => {
    const record = foundOrMissing(await readBySdk(timeoutMs, () => client.getIndividualEnrollment(registrationId)));
    if (record === undefined) return { outcome: "missing" };
    return { outcome: "found", enrollment: readEnrollment(record.body, `enrollment ${registrationId}`) };
  };
  type Record = Parameters<ProvisioningServiceClient["createOrUpdateIndividualEnrollment"]>[0];
  // The SDK types every property as required that the service may leave out; without an ETag it sends no If-Match.
  const send = (record: unknown): Promise<{ responseBody: unknown }> =>
    client.createOrUpdateIndividualEnrollment(record as Record);

  return {
    get,

    put(enrollment, change) {
      const onlyStatus = change.primary.kind === "keep" && change.secondary.kind === "keep";
      // DPS shows no symmetric keys: an entry sent back as read would get new ones.
      if (enrollment.attestation === "other" || (enrollment.attestation === "x509-other" && !onlyStatus)) {
        const detail = "the enrollment does not attest by client certificates";
        return Promise.resolve({ outcome: "refused", detail });
      }
      const record = changedRecord(enrollment, change);
      return guardedPut(timeoutMs, `enrollment ${enrollment.registrationId}`, () => send(record));
    },

    list: (cursor) =>
      readPage(
        timeoutMs,
        () => client.createIndividualEnrollmentQuery(...everything("enrollments")),
        cursor,
        (record) => readListed(record, "an enrollment of a list"),
      ),

    async create(spec) {
      const { registrationId } = spec;
      const record = newEnrollmentRecord(spec);
      const made = await createOnly(
        timeoutMs,
        `enrollment ${registrationId}`,
        () => send(record),
        async () => {
          const reading = await get(registrationId);
          return reading.outcome === "found" ? reading.enrollment : undefined;
        },
      );
      return made.outcome === "exists" ? { outcome: "exists", enrollment: made.existing } : made;
    },

    delete: ({ registrationId, etag }) =>
      guardedDelete(timeoutMs, () => client.deleteIndividualEnrollment(registrationId, etag)),

    async getRegistration(registrationId) {
      const answer = await readBySdk(timeoutMs, () => client.getDeviceRegistrationState(registrationId));
      const record = foundOrMissing(answer);
      if (record === undefined) return { outcome: "missing" };
      return { outcome: "found", registration: toRegistration(record.body, `registration ${registrationId}`) };
    },
  };
}

/** Lists carry the registration record within the enrollment. */
const Listed = z.looseObject({ registrationState: z.looseObject({}).nullish() });

function readListed(record: unknown, what: string): ListedEnrollment {
  const { registrationState } = parsed(Listed, record, what);
  const enrollment = readEnrollment(record, what);
  if (!registrationState) return { ...enrollment, registration: undefined };
  // Some API versions leave the id out of the inner record.
  const inner = { registrationId: enrollment.registrationId, ...registrationState };
  return { ...enrollment, registration: toRegistration(inner, what) };
}

function readEnrollment(record: unknown, what: string): IndividualEnrollment {
  return toEnrollment(parsed(EnrollmentRecord, record, what), record);
}
