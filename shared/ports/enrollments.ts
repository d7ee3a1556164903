import type { AuthorityName, DeviceId, Etag, HubHostName, RegistrationId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { EnrollmentGroup } from "./enrollment-groups";
import type { EntryDeletion, EntryWrite, SlotView } from "./entries";
import type { Page } from "./page";

/**
 * The Device Provisioning Service's data plane, one instance. Reads are fresh, never cached. Throws `RollError` for
 * outages; everything the rules foresee is an outcome.
 */
export interface Enrollments {
  get(registrationId: RegistrationId): Promise<EnrollmentReading>;
  /**
   * Replaces slots and status in one write guarded by the ETag that `enrollment` was read with. All other properties stay
   * as read (policy, allocation, hubs, twin, capabilities, device id, optional device information).
   */
  put(enrollment: IndividualEnrollment, change: EnrollmentChange): Promise<EntryWrite>;
  /** All individual enrollments, whatever they attest by. `cursor`: `next` of the page before; undefined begins. */
  list(cursor: string | undefined): Promise<Page<ListedEnrollment>>;
  /**
   * Makes an entry with one client certificate and the policies of a group. An entry that is there already is never
   * overwritten: it is answered as it stands, also where an earlier call of ours made it and the answer was lost.
   */
  create(spec: EnrollmentSpec): Promise<EnrollmentCreation>;
  /** Guarded by the ETag that `enrollment` was read with. The hub identity stays. */
  delete(enrollment: IndividualEnrollment): Promise<EntryDeletion>;
  /** The device's last registration, as DPS recorded it. */
  getRegistration(registrationId: RegistrationId): Promise<RegistrationReading>;
}

export type EnrollmentReading =
  { readonly outcome: "found"; readonly enrollment: IndividualEnrollment } | { readonly outcome: "missing" };

export interface IndividualEnrollment {
  readonly registrationId: RegistrationId;
  /** Set if the entry names a hub device id of its own; else the hub device is called like the registration. */
  readonly deviceId: DeviceId | undefined;
  readonly etag: Etag;
  readonly provisioningStatus: "enabled" | "disabled";
  readonly attestation: "x509-client" | "x509-other" | "other";
  readonly primary: SlotView | undefined;
  readonly secondary: SlotView | undefined;
  /** The CA certificates that the entry refers to instead of holding a leaf (`x509-other`); empty as a rule. */
  readonly caReferences: readonly AuthorityName[];
  /** False: DPS may not refresh the hub identity when the device registers again. */
  readonly updateHubAssignment: boolean;
  /** Set if Azure Device Registry issues the device's certificates. */
  readonly credentialPolicyName: string | undefined;
  /** When the service last wrote this entry, by its own clock. */
  readonly lastUpdatedAt: Instant | undefined;
  /** The service's record as read; only the adapter looks inside. */
  readonly record: unknown;
}

/** An enrollment of a list, which comes with the device's last registration: no call per device is needed for it. */
export interface ListedEnrollment extends IndividualEnrollment {
  readonly registration: Registration | undefined;
}

export interface EnrollmentChange {
  readonly primary: SlotChange;
  readonly secondary: SlotChange;
  readonly provisioningStatus: "enabled" | "disabled";
}

export type SlotChange =
  | { readonly kind: "keep" }
  | { readonly kind: "clear" }
  /** PEM of the leaf alone. */
  | { readonly kind: "set"; readonly certificatePem: string };

export interface EnrollmentSpec {
  readonly registrationId: RegistrationId;
  /** The hub device that it shall become; undefined: called like the registration. */
  readonly deviceId: DeviceId | undefined;
  /** PEM of the leaf alone, for the primary slot. */
  readonly certificatePem: string;
  readonly provisioningStatus: "enabled" | "disabled";
  /** Policies, allocation, hubs, initial twin and capabilities are copied from it. */
  readonly like: EnrollmentGroup;
}

export type EnrollmentCreation =
  | { readonly outcome: "created"; readonly etag: Etag; readonly lastUpdatedAt: Instant | undefined }
  /** An entry of this id is there; nothing was written. */
  | { readonly outcome: "exists"; readonly enrollment: IndividualEnrollment }
  /** The instance holds as many as it may. */
  | { readonly outcome: "limit-reached"; readonly detail: string }
  | { readonly outcome: "refused"; readonly detail: string };

export type RegistrationReading =
  { readonly outcome: "found"; readonly registration: Registration } | { readonly outcome: "missing" };

export interface Registration {
  readonly registrationId: RegistrationId;
  readonly deviceId: DeviceId | undefined;
  readonly assignedHub: HubHostName | undefined;
  readonly status: "unassigned" | "assigning" | "assigned" | "failed" | "disabled";
  /** When the device registered first, as far as this record goes: one that was deleted begins anew. */
  readonly createdAt: Instant | undefined;
  /** Moves at each registration. */
  readonly lastUpdatedAt: Instant | undefined;
  /** In a form of its own, unlike an enrollment's; undefined where the service gave none. */
  readonly etag: Etag | undefined;
}
