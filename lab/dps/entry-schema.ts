import { z } from "zod";

/** The characters of a registration or group id, and the last one (Microsoft docs, concepts-service#registration-id). */
export const idPattern = /^[A-Za-z0-9\-._:]{0,127}[A-Za-z0-9-]$/;

const plain = z.record(z.string(), z.unknown());

const certificateSlot = z
  .object({
    certificate: z.string().nullish(),
    info: z.object({ sha256Thumbprint: z.string() }).nullish(),
  })
  .nullish();
const certificateSlots = z.object({ primary: certificateSlot, secondary: certificateSlot }).nullish();

const attestation = z.object({
  type: z.enum(["none", "tpm", "x509", "symmetricKey"]),
  x509: z
    .object({
      clientCertificates: certificateSlots,
      signingCertificates: certificateSlots,
      caReferences: z.object({ primary: z.string().nullish(), secondary: z.string().nullish() }).nullish(),
    })
    .nullish(),
  tpm: plain.nullish(),
  symmetricKey: plain.nullish(),
});

const common = {
  attestation,
  provisioningStatus: z.enum(["enabled", "disabled"]).nullish(),
  reprovisionPolicy: z
    .object({ updateHubAssignment: z.boolean().nullish(), migrateDeviceData: z.boolean().nullish() })
    .nullish(),
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
  iotHubHostName: z.string().nullish(),
  iotHubs: z.array(z.string()).nullish(),
  initialTwin: z
    .object({
      tags: plain.nullish(),
      properties: z.object({ desired: plain.nullish() }).nullish(),
    })
    .nullish(),
  allocationPolicy: z.enum(["hashed", "geoLatency", "static", "custom"]).nullish(),
  customAllocationDefinition: z.object({ webhookUrl: z.string(), apiVersion: z.string() }).nullish(),
  etag: z.string().nullish(),
};

/** The body of a PUT of an individual enrollment; what it does not name is ignored, read-only fields too. */
export const individualBody = z.object({
  registrationId: z.string().regex(idPattern),
  deviceId: z.string().max(128).nullish(),
  optionalDeviceInformation: plain.nullish(),
  ...common,
});

/** The body of a PUT of an enrollment group. */
export const groupBody = z.object({ enrollmentGroupId: z.string().regex(idPattern), ...common });

/** An individual enrollment as a request has it. */
export type IndividualBody = z.infer<typeof individualBody>;
/** A group as a request has it. */
export type GroupBody = z.infer<typeof groupBody>;
/** An attestation as a request has it. */
export type AttestationBody = z.infer<typeof attestation>;
/** Two slots as a request has them. */
export type CertificateSlotsBody = z.infer<typeof certificateSlots>;

/** One sentence for what a schema did not like. */
export function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `Invalid value at '${issue.path.join(".")}': ${issue.message}` : "Invalid request.";
}
