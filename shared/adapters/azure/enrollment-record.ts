import { z } from "zod";
import { AuthorityName, DeviceId, Etag, RegistrationId } from "../../domain/ids";
import type { EnrollmentChange, EnrollmentSpec, IndividualEnrollment } from "../../ports/enrollments";
import { moment, optional } from "./dps-answers";
import { CertificateSlots, changedSlot, policiesOf, slotView, writable } from "./entry-record";

const references = z.looseObject({ primary: z.string().nullish(), secondary: z.string().nullish() });
const attestation = z.looseObject({
  type: z.string(),
  x509: z.looseObject({ clientCertificates: CertificateSlots.nullish(), caReferences: references.nullish() }).nullish(),
});

/** What the product needs of DPS's individual enrollment (data-plane API 2021-10-01); everything else is kept as it came. */
export const EnrollmentRecord = z.looseObject({
  registrationId: z.string().toLowerCase().pipe(RegistrationId),
  deviceId: optional(DeviceId),
  etag: Etag,
  // Both have a default in the service and may be left out.
  provisioningStatus: z.enum(["enabled", "disabled"]).default("enabled"),
  reprovisionPolicy: z.looseObject({ updateHubAssignment: z.boolean().default(true) }).nullish(),
  attestation,
  credentialPolicyName: optional(z.string()),
  lastUpdatedDateTimeUtc: z.string().nullish(),
});
export type EnrollmentRecord = z.infer<typeof EnrollmentRecord>;

/** The product's view of a record. */
export function toEnrollment(read: EnrollmentRecord, record: unknown): IndividualEnrollment {
  const { type, x509 } = read.attestation;
  const certificates = x509?.clientCertificates;
  const otherX509 = type === "x509" ? "x509-other" : "other";
  return {
    registrationId: read.registrationId,
    deviceId: read.deviceId,
    etag: read.etag,
    provisioningStatus: read.provisioningStatus,
    attestation: type === "x509" && certificates ? "x509-client" : otherX509,
    primary: slotView(certificates?.primary),
    secondary: slotView(certificates?.secondary),
    // A name that no certificate can have refers to none.
    caReferences: [x509?.caReferences?.primary, x509?.caReferences?.secondary].flatMap(
      (name) => AuthorityName.safeParse(name).data ?? [],
    ),
    updateHubAssignment: read.reprovisionPolicy?.updateHubAssignment ?? true,
    credentialPolicyName: read.credentialPolicyName,
    lastUpdatedAt: moment(read.lastUpdatedDateTimeUtc),
    record,
  };
}

/** The record to send: as read, except slots and status. */
export function changedRecord(enrollment: IndividualEnrollment, change: EnrollmentChange): Record<string, unknown> {
  const record = z.looseObject({ attestation }).parse(enrollment.record);
  const { x509 } = record.attestation;
  const certificates = x509?.clientCertificates;
  const next = { ...record, etag: enrollment.etag, provisioningStatus: change.provisioningStatus };
  if (enrollment.attestation !== "x509-client") return writable(next);
  const clientCertificates = {
    primary: changedSlot(certificates?.primary, change.primary),
    secondary: changedSlot(certificates?.secondary, change.secondary),
  };
  return writable({ ...next, attestation: { ...record.attestation, x509: { ...x509, clientCertificates } } });
}

/** The record of a new entry. */
export function newEnrollmentRecord(spec: EnrollmentSpec): Record<string, unknown> {
  const primary = { certificate: spec.certificatePem };
  return {
    ...policiesOf(spec.like.record),
    registrationId: spec.registrationId,
    ...(spec.deviceId === undefined ? {} : { deviceId: spec.deviceId }),
    attestation: { type: "x509", x509: { clientCertificates: { primary, secondary: null } } },
    provisioningStatus: spec.provisioningStatus,
  };
}
