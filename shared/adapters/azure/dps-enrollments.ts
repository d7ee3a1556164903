import type { ProvisioningServiceClient } from "azure-iot-provisioning-service";
import { z } from "zod";
import { DeviceId, Etag, HubHostName, RegistrationId } from "../../domain/ids";
import type { EntryWrite, Enrollments, RegistrationReading } from "../../ports/enrollments";
import { changedRecord, EnrollmentRecord, moment, optional, toEnrollment } from "./enrollment-record";
import { callSdk, readBySdk, type CallOutcome } from "./sdk-call";
import { toRollError, unreadable } from "./sdk-errors";

const DPS = "DPS";

/** A registration record (data-plane API 2021-10-01); DPS keeps the last one only, without the certificate used. */
const RegistrationRecord = z.looseObject({
  registrationId: z.string().toLowerCase().pipe(RegistrationId),
  deviceId: optional(DeviceId),
  assignedHub: optional(z.string().toLowerCase().pipe(HubHostName)),
  status: z.enum(["unassigned", "assigning", "assigned", "failed", "disabled"]),
  lastUpdatedDateTimeUtc: z.string().nullish(),
  etag: optional(Etag),
});

/** Individual enrollments and registrations of one DPS instance. `timeoutMs` bounds each call. */
export function createEnrollments(client: ProvisioningServiceClient, timeoutMs: number): Enrollments {
  return {
    async get(registrationId) {
      const answer = await readBySdk(timeoutMs, () => client.getIndividualEnrollment(registrationId));
      const record = foundOrMissing(answer);
      if (record === undefined) return { outcome: "missing" };
      const read = parsed(EnrollmentRecord, record.body, `enrollment ${registrationId}`);
      return { outcome: "found", enrollment: toEnrollment(read, record.body) };
    },

    async put(enrollment, change): Promise<EntryWrite> {
      const onlyStatus = change.primary.kind === "keep" && change.secondary.kind === "keep";
      // DPS shows no symmetric keys: an entry sent back as read would get new ones.
      if (enrollment.attestation === "other" || (enrollment.attestation === "x509-other" && !onlyStatus))
        return { outcome: "refused", detail: "the enrollment does not attest by client certificates" };
      const record = changedRecord(enrollment, change);
      type Enrollment = Parameters<ProvisioningServiceClient["createOrUpdateIndividualEnrollment"]>[0];
      // The SDK types every property as required that the service may leave out; the record came from the service.
      const send = (): Promise<{ responseBody: unknown }> =>
        client.createOrUpdateIndividualEnrollment(record as unknown as Enrollment);
      const answer = await callSdk(timeoutMs, send);
      if (answer.ok) {
        const read = parsed(EnrollmentRecord, answer.value.responseBody, `enrollment ${enrollment.registrationId}`);
        return { outcome: "written", etag: read.etag, lastUpdatedAt: moment(read.lastUpdatedDateTimeUtc) };
      }
      const { status, detail } = answer.failure;
      if (status === 412) return { outcome: "precondition-failed" };
      if (saysMissing(answer)) return { outcome: "missing" };
      if (status === 400 || status === 409 || status === 413) return { outcome: "refused", detail };
      throw toRollError(DPS, answer.failure);
    },

    async getRegistration(registrationId): Promise<RegistrationReading> {
      const answer = await readBySdk(timeoutMs, () => client.getDeviceRegistrationState(registrationId));
      const record = foundOrMissing(answer);
      if (record === undefined) return { outcome: "missing" };
      const read = parsed(RegistrationRecord, record.body, `registration ${registrationId}`);
      return {
        outcome: "found",
        registration: {
          registrationId: read.registrationId,
          deviceId: read.deviceId,
          assignedHub: read.assignedHub,
          status: read.status,
          lastUpdatedAt: moment(read.lastUpdatedDateTimeUtc),
          etag: read.etag,
        },
      };
    },
  };
}

/** The body of the answer, undefined for a 404 of DPS, or a throw. */
function foundOrMissing(answer: CallOutcome<{ responseBody: unknown }>): { readonly body: unknown } | undefined {
  if (answer.ok) return { body: answer.value.responseBody };
  if (saysMissing(answer)) return undefined;
  throw toRollError(DPS, answer.failure);
}

/** A 404 with DPS's own error number: a bare one comes from something in between, and would pass for "all clear". */
function saysMissing(answer: CallOutcome<unknown>): boolean {
  return !answer.ok && answer.failure.status === 404 && /^404\d{3}$/.test(answer.failure.code ?? "");
}

function parsed<T extends z.ZodType>(schema: T, body: unknown, what: string): z.output<T> {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw unreadable(DPS, `${what}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
}
