import type { DeviceId, Etag, HubHostName, RegistrationId, Sha256Thumbprint } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { TrustedAuthority } from "./certificates";

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
  put(enrollment: IndividualEnrollment, change: EnrollmentChange): Promise<EnrollmentWrite>;
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

export type EnrollmentWrite =
  | { readonly outcome: "written"; readonly etag: Etag; readonly lastUpdatedAt: Instant | undefined }
  /** 412: somebody else wrote since it was read. Read and decide again. */
  | { readonly outcome: "precondition-failed" }
  /** 404: it was deleted since it was read. */
  | { readonly outcome: "missing" }
  /** 400 or another refusal that trying again will not change. */
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
}

/** The DPS instance's CA certificates (control plane). */
export interface Authorities {
  /** Those whose possession is proven. */
  listVerified(): Promise<readonly TrustedAuthority[]>;
}
