import type { DeviceId, Etag, HubHostName, RegistrationId, Sha256Thumbprint } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { EnrollmentGroup } from "./enrollment-groups";
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
  /** The device's last registration, as DPS recorded it. */
  getRegistration(registrationId: RegistrationId): Promise<RegistrationReading>;
}

/** Individual enrollments as a whole, their making and their end. */
export interface EnrollmentDirectory {
  /** All individual enrollments, whatever they attest by. `cursor`: `next` of the page before; undefined begins. */
  list(cursor: string | undefined): Promise<Page<IndividualEnrollment>>;
  /**
   * Makes an entry with one client certificate and the policies of a group. An entry that is there already is never
   * overwritten: it is answered as it stands, also where an earlier call of ours made it and the answer was lost.
   */
  create(spec: EnrollmentSpec): Promise<EnrollmentCreation>;
  /** Guarded by the ETag that `enrollment` was read with. The hub identity stays. */
  delete(enrollment: IndividualEnrollment): Promise<EntryDeletion>;
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
  /** False: DPS may not refresh the hub identity when the device registers again. */
  readonly updateHubAssignment: boolean;
  /** When the service last wrote this entry, by its own clock. */
  readonly lastUpdatedAt: Instant | undefined;
  /** The service's record as read; only the adapter looks inside. */
  readonly record: unknown;
}

export interface SlotView {
  readonly sha256Thumbprint: Sha256Thumbprint;
  readonly notAfter: Instant | undefined;
  readonly subjectName: string;
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

/** What came of a guarded write of an individual enrollment or a group. */
export type EntryWrite =
  | { readonly outcome: "written"; readonly etag: Etag; readonly lastUpdatedAt: Instant | undefined }
  /** 412: somebody else wrote since it was read. Read and decide again. */
  | { readonly outcome: "precondition-failed" }
  /** 404: it was deleted since it was read. */
  | { readonly outcome: "missing" }
  /** 400 or another refusal that trying again will not change. */
  | { readonly outcome: "refused"; readonly detail: string };

/** What came of a guarded deletion of an entry or a registration record. */
export type EntryDeletion =
  | { readonly outcome: "deleted" }
  /** Nobody has to delete it any more. */
  | { readonly outcome: "missing" }
  /** 412: somebody else wrote since it was read. */
  | { readonly outcome: "precondition-failed" }
  | { readonly outcome: "refused"; readonly detail: string };

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
  /** Moves at each registration. */
  readonly lastUpdatedAt: Instant | undefined;
  /** In a form of its own, unlike an enrollment's; undefined where the service gave none. */
  readonly etag: Etag | undefined;
}
