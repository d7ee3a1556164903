import { z } from "zod";
import {
  AuthorityName,
  DeviceId,
  EnrollmentGroupId,
  HubHostName,
  ModuleId,
  RegistrationId,
  Sha256Thumbprint,
} from "../ids";
import { Instant } from "../instant";

// What an inventory keeps, as lines of JSON. Absent fields are left out, so that a million lines stay short.

const Status = z.enum(["enabled", "disabled"]);
const HubAuthentication = z.enum(["selfSigned", "certificateAuthority", "sas", "none"]);

/** A CA certificate, as far as chains are concerned. */
export const AuthorityRecord = z.object({
  sha256Thumbprint: Sha256Thumbprint,
  subjectName: z.string(),
  issuerName: z.string(),
  subjectKeyId: z.string().optional(),
  authorityKeyId: z.string().optional(),
  notAfter: Instant.optional(),
});

export const DpsAuthorityRecord = AuthorityRecord.extend({ name: AuthorityName, isVerified: z.boolean() });
export type DpsAuthorityRecord = z.infer<typeof DpsAuthorityRecord>;

const References = z.object({
  kind: z.literal("caReferences"),
  primary: AuthorityName.optional(),
  secondary: AuthorityName.optional(),
});

export const GroupRecord = z.object({
  groupId: EnrollmentGroupId,
  provisioningStatus: Status,
  trust: z.discriminatedUnion("kind", [
    References,
    z.object({
      kind: z.literal("signingCertificates"),
      primary: AuthorityRecord.optional(),
      secondary: AuthorityRecord.optional(),
    }),
    z.object({ kind: z.literal("other") }),
  ]),
});
export type GroupRecord = z.infer<typeof GroupRecord>;

/** CA certificates and groups of the DPS: few, read in one go. */
export const TrustRecord = z.object({
  authorities: z.array(DpsAuthorityRecord),
  groups: z.array(GroupRecord),
  /** CA objects whose certificate Azure Resource Manager did not hand out. */
  unreadable: z.array(AuthorityName).default([]),
});
export type TrustRecord = z.infer<typeof TrustRecord>;

const LeafRecord = z.object({
  sha256Thumbprint: Sha256Thumbprint,
  subjectName: z.string(),
  issuerName: z.string().optional(),
  notAfter: Instant.optional(),
});

/** A device's last registration, as DPS recorded it. */
export const RegistrationRecord = z.object({
  status: z.enum(["unassigned", "assigning", "assigned", "failed", "disabled"]),
  deviceId: DeviceId.optional(),
  hub: HubHostName.optional(),
  at: Instant.optional(),
});
export type RegistrationRecord = z.infer<typeof RegistrationRecord>;

const EnrollmentRecord = z.object({
  registrationId: RegistrationId,
  /** Where the entry names a hub device of its own. */
  deviceId: DeviceId.optional(),
  provisioningStatus: Status,
  attestation: z.enum(["x509-client", "x509-other", "other"]),
  primary: LeafRecord.optional(),
  secondary: LeafRecord.optional(),
  /** For `x509-other`: CA certificates that it refers to. */
  caReferences: z.array(AuthorityName).optional(),
  registration: RegistrationRecord.optional(),
});
export type EnrollmentRecord = z.infer<typeof EnrollmentRecord>;

const IdentityRecord = z.object({
  hub: HubHostName,
  deviceId: DeviceId,
  status: Status,
  authentication: HubAuthentication,
  /** Upper-case hex, 64 digits, or 40 where somebody configured SHA-1. */
  primaryThumbprint: z.string().optional(),
  secondaryThumbprint: z.string().optional(),
});
export type IdentityRecord = z.infer<typeof IdentityRecord>;

const ModuleRecord = z.object({
  hub: HubHostName,
  deviceId: DeviceId,
  moduleId: ModuleId,
  authentication: HubAuthentication,
  primaryThumbprint: z.string().optional(),
  secondaryThumbprint: z.string().optional(),
});
export type ModuleRecord = z.infer<typeof ModuleRecord>;

/** What is gathered about devices, a line each, in the order in which the services hand it out. */
export const GatheredLine = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("enrollment"), enrollment: EnrollmentRecord }),
  z.object({
    kind: z.literal("registration"),
    registrationId: RegistrationId,
    groupId: EnrollmentGroupId,
    registration: RegistrationRecord,
  }),
  z.object({ kind: z.literal("identity"), identity: IdentityRecord }),
  z.object({ kind: z.literal("module"), module: ModuleRecord }),
]);
export type GatheredLine = z.infer<typeof GatheredLine>;

/** A device as all services together show it. */
export const DeviceRecord = z.object({
  /** The hub device's name in lower case: what an inventory is sorted and paged by. */
  key: z.string(),
  /** Undefined for a hub identity that DPS does not know. */
  registrationId: RegistrationId.optional(),
  enrollment: EnrollmentRecord.omit({ registrationId: true, registration: true }).optional(),
  /** Other individual enrollments that name the same hub device. */
  alsoEnrolledAs: z.array(RegistrationId).optional(),
  /** The group whose registrations list the device. */
  groupId: EnrollmentGroupId.optional(),
  registration: RegistrationRecord.optional(),
  identities: z.array(IdentityRecord),
  modules: z.array(ModuleRecord.omit({ deviceId: true })).optional(),
  /** When the leaf that the hub holds now expires, as far as the device has said so. */
  reported: z.object({ sha256Thumbprint: Sha256Thumbprint, notAfter: Instant }).optional(),
});
export type DeviceRecord = z.infer<typeof DeviceRecord>;
