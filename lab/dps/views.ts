import type { CertificateInfo } from "./certificate-info";
import type { Attestation, Entry, Registration, Slots } from "./entries";
import { dpsTime } from "./times";

/** An entry as the service API gives it: every field there, null where unset, certificates as `info` only. */
export function entryView(entry: Entry, registration?: Registration): Record<string, unknown> {
  const identity =
    entry.kind === "individual"
      ? {
          registrationId: entry.id,
          deviceId: entry.deviceId,
          registrationState: registration ? registrationView(registration) : null,
          optionalDeviceInformation: entry.optionalDeviceInformation,
        }
      : { enrollmentGroupId: entry.id };
  return {
    ...identity,
    attestation: attestationView(entry.attestation),
    capabilities: entry.capabilities,
    iotHubHostName: entry.iotHubHostName,
    initialTwin: entry.initialTwin,
    etag: entry.etag,
    provisioningStatus: entry.provisioningStatus,
    reprovisionPolicy: entry.reprovisionPolicy,
    createdDateTimeUtc: dpsTime(entry.createdAt),
    lastUpdatedDateTimeUtc: dpsTime(entry.updatedAt),
    allocationPolicy: entry.allocationPolicy,
    iotHubs: entry.iotHubs,
    customAllocationDefinition: entry.customAllocationDefinition,
  };
}

/** Symmetric keys are shown by the attestation mechanism (`secrets`) only. */
export function attestationView(attestation: Attestation, secrets = false): Record<string, unknown> {
  switch (attestation.type) {
    case "x509":
      return {
        type: "x509",
        x509: {
          clientCertificates: slotsView(attestation.clientCertificates),
          signingCertificates: slotsView(attestation.signingCertificates),
          caReferences: attestation.caReferences,
        },
      };
    case "symmetricKey":
      return { type: "symmetricKey", symmetricKey: secrets ? attestation.secrets : null };
    case "tpm":
      return { type: "tpm", tpm: attestation.secrets };
    case "none":
      return { type: "none" };
  }
}

function slotsView(slots: Slots<CertificateInfo> | null) {
  const view = (info: CertificateInfo | null) => (info ? { certificate: null, info } : null);
  return slots ? { primary: view(slots.primary), secondary: view(slots.secondary) } : null;
}

/** A registration record as the service API gives it. */
export function registrationView(registration: Registration): Record<string, unknown> {
  return {
    registrationId: registration.registrationId,
    createdDateTimeUtc: dpsTime(registration.createdAt),
    ...assignmentView(registration),
    status: registration.status,
    ...(registration.substatus && registration.status === "assigned" ? { substatus: registration.substatus } : {}),
    errorCode: registration.errorCode,
    errorMessage: registration.errorMessage,
    lastUpdatedDateTimeUtc: dpsTime(registration.updatedAt),
    etag: registrationEtag(registration),
    ...(registration.payload === undefined ? {} : { payload: registration.payload }),
  };
}

/** The same as a device sees it: with what attested it, and one substatus that device API 2019-03-31 does not know. */
export function deviceRegistrationView(registration: Registration): Record<string, unknown> {
  const substatus =
    registration.substatus === "reprovisionedToInitialAssignment" ? "initialAssignment" : registration.substatus;
  const failed = registration.status === "failed";
  return {
    x509: registration.enrollmentGroupId === undefined ? {} : { enrollmentGroupId: registration.enrollmentGroupId },
    registrationId: registration.registrationId,
    createdDateTimeUtc: dpsTime(registration.createdAt),
    ...assignmentView(registration),
    status: registration.status,
    ...(substatus && registration.status === "assigned" ? { substatus } : {}),
    ...(failed ? { errorCode: registration.errorCode, errorMessage: registration.errorMessage } : {}),
    lastUpdatedDateTimeUtc: dpsTime(registration.updatedAt),
    etag: registrationEtag(registration),
    ...(registration.payload === undefined ? {} : { payload: registration.payload }),
  };
}

/** The etag of a record is the base64 of the quoted etag, unlike that of an enrollment. */
export function registrationEtag(registration: Registration): string {
  return Buffer.from(`"${registration.etag}"`).toString("base64");
}

/** An attempt that did not end in an assignment tells nothing of an earlier one: the record was overwritten. */
function assignmentView(registration: Registration) {
  return registration.status === "assigned" && registration.assignment
    ? { assignedHub: registration.assignment.hubHostName, deviceId: registration.assignment.deviceId }
    : {};
}
