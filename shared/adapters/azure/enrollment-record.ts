import { z } from "zod";
import { DeviceId, Etag, RegistrationId, Sha256Thumbprint } from "../../domain/ids";
import { parseInstant, type Instant } from "../../domain/instant";
import type { EnrollmentChange, IndividualEnrollment, SlotChange, SlotView } from "../../ports/enrollments";

/** The value, or undefined where the service writes null or an empty string. */
export function optional<T extends z.ZodType>(schema: T) {
  return z
    .union([z.literal(""), schema])
    .nullish()
    .transform((value) => (value === "" || value === null ? undefined : value));
}

const slot = z.looseObject({
  info: z.looseObject({
    sha256Thumbprint: z.string().toUpperCase().pipe(Sha256Thumbprint),
    subjectName: z.string(),
    notAfterUtc: z.string().nullish(),
  }),
});

const clientCertificates = z.looseObject({ primary: slot.nullish(), secondary: slot.nullish() });

const attestation = z.looseObject({
  type: z.string(),
  x509: z.looseObject({ clientCertificates: clientCertificates.nullish() }).nullish(),
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
    primary: view(certificates?.primary),
    secondary: view(certificates?.secondary),
    updateHubAssignment: read.reprovisionPolicy?.updateHubAssignment ?? true,
    lastUpdatedAt: moment(read.lastUpdatedDateTimeUtc),
    record,
  };
}

/** Set by the service; the API names them read-only. */
const READ_ONLY = ["registrationState", "createdDateTimeUtc", "lastUpdatedDateTimeUtc"] as const;

/**
 * The record to send: as read, except slots and status. DPS never returns a certificate, only `info`, and a slot sent
 * back with `info` alone keeps its certificate (Azure CLI's update of enrollments relies on it).
 */
export function changedRecord(enrollment: IndividualEnrollment, change: EnrollmentChange): Record<string, unknown> {
  const record = z.looseObject({ attestation }).parse(enrollment.record);
  const { x509 } = record.attestation;
  const certificates = x509?.clientCertificates;
  const next: Record<string, unknown> = {
    ...record,
    etag: enrollment.etag,
    provisioningStatus: change.provisioningStatus,
    ...(record["initialTwin"] === undefined ? {} : { initialTwin: withoutEchoes(record["initialTwin"]) }),
  };
  if (enrollment.attestation === "x509-client") {
    next["attestation"] = {
      ...record.attestation,
      x509: {
        ...x509,
        clientCertificates: {
          primary: changed(certificates?.primary, change.primary),
          secondary: changed(certificates?.secondary, change.secondary),
        },
      },
    };
  }
  return Object.fromEntries(Object.entries(next).filter(([name]) => !READ_ONLY.some((fixed) => fixed === name)));
}

/** ISO 8601 text as DPS writes it; undefined where it is absent or year 1. */
export function moment(text: string | null | undefined): Instant | undefined {
  return text ? parseInstant(text) : undefined;
}

function view(held: z.infer<typeof slot> | null | undefined): SlotView | undefined {
  if (!held) return undefined;
  const { sha256Thumbprint, subjectName, notAfterUtc } = held.info;
  return { sha256Thumbprint, subjectName, notAfter: moment(notAfterUtc) };
}

function changed(held: z.infer<typeof slot> | null | undefined, change: SlotChange): unknown {
  if (change.kind === "set") return { certificate: change.certificatePem };
  return change.kind === "keep" && held ? { info: held.info } : null;
}

/** Twin collections come back with `count`, `version` and `metadata` as null; sent back they would be tags of the device. */
function withoutEchoes(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const echoes = new Set(["count", "version", "metadata"]);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, content]) => !(content === null && echoes.has(name)))
      .map(([name, content]) => [name, withoutEchoes(content)]),
  );
}
