import { z } from "zod";

/**
 * A roll's name: the moment of its request and eight hex digits, such as `20260101T000000000Z-1f0c9a3e`. It sorts by time
 * and is safe as a Durable instance id, a blob name and a table key.
 */
export const RollId = z
  .string()
  .regex(/^\d{8}T\d{9}Z-[0-9a-f]{8}$/)
  .brand<"RollId">();
export type RollId = z.infer<typeof RollId>;

/**
 * A DPS registration id in lower case: DPS compares registration ids without regard to case, so the product keeps one
 * spelling. At most 128 characters of letters, digits and `-._:`, ending in a letter, a digit or `-`.
 */
export const RegistrationId = z
  .string()
  .regex(/^[a-z0-9._:-]{0,127}[a-z0-9-]$/)
  .brand<"RegistrationId">();
export type RegistrationId = z.infer<typeof RegistrationId>;

/** An enrollment group's id in lower case: DPS compares it, like registration ids and by the same rules, without case. */
export const EnrollmentGroupId = z
  .string()
  .regex(/^[a-z0-9._:-]{0,127}[a-z0-9-]$/)
  .brand<"EnrollmentGroupId">();
export type EnrollmentGroupId = z.infer<typeof EnrollmentGroupId>;

/** The name of a CA certificate of a DPS instance, as Azure Resource Manager spells it; compared without regard to case. */
export const AuthorityName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/)
  .brand<"AuthorityName">();
export type AuthorityName = z.infer<typeof AuthorityName>;

/** An IoT Hub device id: at most 128 characters, compared WITH regard to case. */
export const DeviceId = z
  .string()
  .regex(/^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/)
  .brand<"DeviceId">();
export type DeviceId = z.infer<typeof DeviceId>;

/** The id of a module of a device: the same characters as a device id, compared WITH regard to case. */
export const ModuleId = z
  .string()
  .regex(/^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/)
  .brand<"ModuleId">();
export type ModuleId = z.infer<typeof ModuleId>;

/** The id of a job at a hub, chosen by us for method jobs: at most 64 letters, digits and `-`. */
export const HubJobId = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/)
  .brand<"HubJobId">();
export type HubJobId = z.infer<typeof HubJobId>;

/** A hub's full host name, such as `contoso.azure-devices.net`, in lower case. */
export const HubHostName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{2,252}$/)
  .brand<"HubHostName">();
export type HubHostName = z.infer<typeof HubHostName>;

/** SHA-256 over the DER certificate as Azure shows it: 64 upper-case hex digits. */
export const Sha256Thumbprint = z
  .string()
  .regex(/^[0-9A-F]{64}$/)
  .brand<"Sha256Thumbprint">();
export type Sha256Thumbprint = z.infer<typeof Sha256Thumbprint>;

/** An opaque version of a record at a service; sent back exactly as it came. */
export const Etag = z.string().min(1).brand<"Etag">();
export type Etag = z.infer<typeof Etag>;

/** Names one attempt to make a device report, unique within (roll, device): `a1`, `a2`, … */
export const AttemptId = z
  .string()
  .regex(/^a[1-9]\d{0,5}$/)
  .brand<"AttemptId">();
export type AttemptId = z.infer<typeof AttemptId>;

/** Which of an enrollment's two client certificate slots. */
export const Slot = z.enum(["primary", "secondary"]);
export type Slot = z.infer<typeof Slot>;
