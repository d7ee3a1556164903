import type { TwinDocument } from "../linked-hub";
import type { CertificateInfo } from "./certificate-info";

/** The two places that every kind of X.509 trust has in an entry; either may be empty. */
export interface Slots<T> {
  readonly primary: T | null;
  readonly secondary: T | null;
}

/** Trust in certificates; exactly one family is filled. */
export interface X509Attestation {
  readonly type: "x509";
  readonly clientCertificates: Slots<CertificateInfo> | null;
  readonly signingCertificates: Slots<CertificateInfo> | null;
  /** Names of CA certificates. */
  readonly caReferences: Slots<string> | null;
}

/** Kept and given back, but no device can register with it in the lab. */
export interface OtherAttestation {
  readonly type: "symmetricKey" | "tpm" | "none";
  /** The keys; only the attestation mechanism tells those of a symmetric key. */
  readonly secrets: Record<string, string>;
}

/** How devices of an entry prove who they are. */
export type Attestation = X509Attestation | OtherAttestation;

/** How the hub of a device is chosen. */
export type AllocationPolicy = "hashed" | "geoLatency" | "static" | "custom";

interface EntryBase {
  readonly attestation: Attestation;
  readonly provisioningStatus: "enabled" | "disabled";
  readonly reprovisionPolicy: { readonly updateHubAssignment: boolean; readonly migrateDeviceData: boolean };
  readonly capabilities: { readonly iotEdge: boolean };
  readonly iotHubHostName: string | null;
  readonly iotHubs: readonly string[] | null;
  readonly initialTwin: TwinDocument | null;
  readonly allocationPolicy: AllocationPolicy;
  readonly customAllocationDefinition: { readonly webhookUrl: string; readonly apiVersion: string } | null;
  /** With the quotes that DPS has inside the JSON string. */
  readonly etag: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** An enrollment of one registration id. */
export interface IndividualEnrollment extends EntryBase {
  readonly kind: "individual";
  /** In the case it was created with; compared without. */
  readonly id: string;
  readonly deviceId: string | null;
  readonly optionalDeviceInformation: Record<string, unknown> | null;
}

/** An enrollment of every device below some authority. */
export interface EnrollmentGroup extends EntryBase {
  readonly kind: "group";
  readonly id: string;
}

/** What a registration can be decided by. */
export type Entry = IndividualEnrollment | EnrollmentGroup;

/** How the last attempt of a device stands or ended. */
export type RegistrationStatus = "unassigned" | "assigning" | "assigned" | "failed" | "disabled";
/** What an assignment did with hub and twin. */
export type RegistrationSubstatus =
  "initialAssignment" | "deviceDataMigrated" | "deviceDataReset" | "reprovisionedToInitialAssignment";

/** The last registration of an id: the only one that DPS keeps. */
export interface Registration {
  readonly registrationId: string;
  readonly status: RegistrationStatus;
  readonly substatus?: RegistrationSubstatus;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  /** The group it came through; absent for individual enrollments. */
  readonly enrollmentGroupId?: string;
  readonly payload?: unknown;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Bare; the views add quotes and base64. */
  readonly etag: string;
  /** Where the device was last assigned; survives later failed attempts, so that a move can take the twin along. */
  readonly assignment?: Assignment;
  /** The attempt that this record is about. */
  readonly operationId: string;
  /** The group that it first came through, if it ever did. */
  readonly listedUnder?: string;
}

/** Where a device is, and which entry put it there. */
export interface Assignment {
  readonly hubHostName: string;
  readonly deviceId: string;
  /** `individual:…` or `group:…`, of the entry that assigned it. */
  readonly entryKey: string;
}

/** Ids are compared without case. */
export function keyOf(id: string): string {
  return id.toLowerCase();
}

/** A key that is unique among individual enrollments and groups together. */
export function entryKey(entry: Entry): string {
  return `${entry.kind}:${keyOf(entry.id)}`;
}

/** The filled slots. */
export function filled<T>(slots: Slots<T> | null): T[] {
  return [slots?.primary, slots?.secondary].filter((slot) => slot !== null && slot !== undefined);
}
