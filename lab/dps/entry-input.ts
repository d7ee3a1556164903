import { randomBytes } from "node:crypto";
import type { TwinDocument } from "../linked-hub";
import { certificateInfo, readCertificateText, type CertificateInfo } from "./certificate-info";
import { filled, keyOf } from "./entries";
import type { Attestation, EnrollmentGroup, Entry, IndividualEnrollment, OtherAttestation, Slots } from "./entries";
import {
  describe,
  groupBody,
  individualBody,
  type AttestationBody,
  type CertificateSlotsBody,
  type GroupBody,
  type IndividualBody,
} from "./entry-schema";
import { dpsErrors } from "./errors";
import type { DpsSwitches } from "./switches";

/** What the reading of an entry depends on beside the request. */
export interface EntryContext {
  readonly now: number;
  readonly etag: string;
  readonly switches: DpsSwitches;
  readonly linkedHubs: readonly string[];
  hasCa(name: string): boolean;
}

/** The enrollment a request asks for, in place of `existing`; throws DpsError 400 when the service would not take it. */
export function readIndividual(
  body: unknown,
  existing: IndividualEnrollment | undefined,
  context: EntryContext,
): IndividualEnrollment {
  const parsed = individualBody.safeParse(body);
  if (!parsed.success) throw dpsErrors.badRequest(describe(parsed.error));
  const { data } = parsed;
  return {
    kind: "individual",
    id: existing?.id ?? data.registrationId,
    deviceId: data.deviceId ?? null,
    optionalDeviceInformation: data.optionalDeviceInformation ?? null,
    ...common(data, existing, context),
  };
}

/** The same for an enrollment group. */
export function readGroup(
  body: unknown,
  existing: EnrollmentGroup | undefined,
  context: EntryContext,
): EnrollmentGroup {
  const parsed = groupBody.safeParse(body);
  if (!parsed.success) throw dpsErrors.badRequest(describe(parsed.error));
  const { data } = parsed;
  return {
    kind: "group",
    id: existing?.id ?? data.enrollmentGroupId,
    ...common(data, existing, context, "group"),
  };
}

function common(
  data: IndividualBody | GroupBody,
  existing: Entry | undefined,
  context: EntryContext,
  kind: Entry["kind"] = "individual",
) {
  const hubs = [...(data.iotHubs ?? []), ...(data.iotHubHostName ? [data.iotHubHostName] : [])];
  const stranger = hubs.find((hub) => !context.linkedHubs.some((linked) => keyOf(linked) === keyOf(hub)));
  if (stranger !== undefined) throw dpsErrors.badRequest(`IoT hub '${stranger}' is not linked.`);
  const allocationPolicy = data.allocationPolicy ?? (data.iotHubHostName ? "static" : "hashed");
  if (allocationPolicy === "custom" && !data.customAllocationDefinition) {
    throw dpsErrors.badRequest("allocationPolicy 'custom' needs customAllocationDefinition.");
  }
  if (allocationPolicy === "static" && hubs.length === 0) {
    throw dpsErrors.badRequest("allocationPolicy 'static' needs iotHubHostName or iotHubs.");
  }
  return {
    attestation: readAttestation(data.attestation, kind, existing?.attestation, context),
    provisioningStatus: data.provisioningStatus ?? "enabled",
    reprovisionPolicy: {
      updateHubAssignment: data.reprovisionPolicy?.updateHubAssignment ?? true,
      migrateDeviceData: data.reprovisionPolicy?.migrateDeviceData ?? true,
    },
    capabilities: { iotEdge: data.capabilities?.iotEdge ?? false },
    iotHubHostName: data.iotHubHostName ?? null,
    iotHubs: data.iotHubs ?? null,
    initialTwin: data.initialTwin ? readTwin(data.initialTwin) : null,
    allocationPolicy,
    customAllocationDefinition: data.customAllocationDefinition ?? null,
    etag: context.etag,
    createdAt: existing?.createdAt ?? context.now,
    updatedAt: context.now,
  };
}

/** An initial twin as it goes to a hub: absent parts left out. */
export function readTwin(twin: NonNullable<IndividualBody["initialTwin"]>): TwinDocument {
  const desired = twin.properties?.desired;
  return { ...(twin.tags ? { tags: twin.tags } : {}), ...(desired ? { properties: { desired } } : {}) };
}

function readAttestation(
  body: AttestationBody,
  kind: Entry["kind"],
  existing: Attestation | undefined,
  context: EntryContext,
): Attestation {
  if (existing && existing.type !== body.type && context.switches.attestationTypeChange === "refused") {
    throw dpsErrors.badRequest("The attestation type of an enrollment cannot be changed.");
  }
  if (body.type !== "x509") return otherAttestation(body, existing);
  const held = existing?.type === "x509" ? existing : undefined;
  const references = body.x509?.caReferences;
  const attestation = {
    type: "x509" as const,
    clientCertificates: readSlots(body.x509?.clientCertificates, held?.clientCertificates, context),
    signingCertificates: readSlots(body.x509?.signingCertificates, held?.signingCertificates, context),
    caReferences: orNull({ primary: references?.primary ?? null, secondary: references?.secondary ?? null }),
  };
  const allowed =
    kind === "group"
      ? [attestation.signingCertificates, attestation.caReferences]
      : [attestation.clientCertificates, attestation.caReferences];
  const families = [attestation.clientCertificates, attestation.signingCertificates, attestation.caReferences];
  const [only, ...more] = families.filter((family) => family !== null);
  if (!only || more.length > 0 || !allowed.includes(only)) {
    throw dpsErrors.badRequest(
      kind === "group"
        ? "An X.509 group needs either signingCertificates or caReferences, with at least one of primary and secondary."
        : "An X.509 enrollment needs either clientCertificates or caReferences, with at least one of primary and secondary.",
    );
  }
  for (const name of filled(attestation.caReferences)) {
    if (!context.hasCa(name)) throw dpsErrors.badRequest("CA certificate reference not found");
  }
  return attestation;
}

function otherAttestation(body: AttestationBody, existing: Attestation | undefined): OtherAttestation {
  const type = body.type === "x509" ? "none" : body.type;
  const held = existing && existing.type !== "x509" && existing.type === type ? existing.secrets : {};
  const given = type === "tpm" ? body.tpm : type === "symmetricKey" ? body.symmetricKey : undefined;
  const secrets = Object.fromEntries(
    Object.entries(given ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
  if (type === "tpm" && !secrets["endorsementKey"] && !held["endorsementKey"]) {
    throw dpsErrors.badRequest("TPM attestation needs an endorsement key.");
  }
  const generated = () => randomBytes(64).toString("base64");
  const keys = type === "symmetricKey" ? { primaryKey: generated(), secondaryKey: generated() } : {};
  return { type, secrets: { ...keys, ...held, ...secrets } };
}

function readSlots(
  body: CertificateSlotsBody,
  held: Slots<CertificateInfo> | null | undefined,
  context: EntryContext,
): Slots<CertificateInfo> | null {
  const read = (name: "primary" | "secondary"): CertificateInfo | null => {
    const slot = body?.[name];
    if (slot === null || slot === undefined) return null;
    if (slot.certificate !== null && slot.certificate !== undefined) {
      const certificate = readCertificateText(slot.certificate);
      if (!certificate) throw dpsErrors.badRequest(`The ${name} certificate cannot be read.`);
      return certificateInfo(certificate);
    }
    const thumbprint = slot.info?.sha256Thumbprint.toUpperCase();
    const other = context.switches.infoMayMoveSlots ? [held?.primary, held?.secondary] : [];
    const kept = [held?.[name], ...other].find((info) => info?.sha256Thumbprint === thumbprint);
    if (!kept) throw dpsErrors.badRequest(`The ${name} slot has no certificate, and its info is not what it held.`);
    return kept;
  };
  return orNull({ primary: read("primary"), secondary: read("secondary") });
}

function orNull<T>(slots: Slots<T>): Slots<T> | null {
  return slots.primary === null && slots.secondary === null ? null : slots;
}
