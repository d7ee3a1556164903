import { z } from "zod";
import { AuthorityName, EnrollmentGroupId, Etag } from "../../domain/ids";
import type {
  EnrollmentGroup,
  GroupAttestation,
  GroupChange,
  GroupSlotChange,
  GroupSpec,
} from "../../ports/enrollment-groups";
import { moment, optional } from "./dps-answers";
import { CertificateSlots, changedSlot, policiesOf, slotView, writable } from "./entry-record";

const x509 = z.looseObject({
  signingCertificates: CertificateSlots.nullish(),
  caReferences: z.looseObject({ primary: optional(AuthorityName), secondary: optional(AuthorityName) }).nullish(),
});
const attestation = z.looseObject({ type: z.string(), x509: x509.nullish() });

/** What the product needs of DPS's enrollment group (data-plane API 2021-10-01); everything else is kept as it came. */
export const GroupRecord = z.looseObject({
  enrollmentGroupId: z.string().toLowerCase().pipe(EnrollmentGroupId),
  etag: Etag,
  // These have a default in the service and may be left out.
  provisioningStatus: z.enum(["enabled", "disabled"]).default("enabled"),
  reprovisionPolicy: z
    .looseObject({ updateHubAssignment: z.boolean().default(true), migrateDeviceData: z.boolean().default(true) })
    .nullish(),
  allocationPolicy: z
    .enum(["hashed", "geoLatency", "static", "custom"])
    .nullish()
    .transform((policy) => policy ?? "hashed"),
  iotHubs: z.array(z.string().toLowerCase()).nullish(),
  iotHubHostName: optional(z.string().toLowerCase()),
  credentialPolicyName: optional(z.string()),
  attestation,
  lastUpdatedDateTimeUtc: z.string().nullish(),
});
export type GroupRecord = z.infer<typeof GroupRecord>;

/** The product's view of a record. */
export function toGroup(read: GroupRecord, record: unknown): EnrollmentGroup {
  const named = read.iotHubHostName === undefined ? [] : [read.iotHubHostName];
  return {
    groupId: read.enrollmentGroupId,
    etag: read.etag,
    provisioningStatus: read.provisioningStatus,
    attestation: toAttestation(read.attestation),
    updateHubAssignment: read.reprovisionPolicy?.updateHubAssignment ?? true,
    migrateDeviceData: read.reprovisionPolicy?.migrateDeviceData ?? true,
    iotHubs: [...new Set([...(read.iotHubs ?? []), ...named])],
    allocationPolicy: read.allocationPolicy,
    credentialPolicyName: read.credentialPolicyName,
    lastUpdatedAt: moment(read.lastUpdatedDateTimeUtc),
    record,
  };
}

function toAttestation(read: z.infer<typeof attestation>): GroupAttestation {
  const signing = read.x509?.signingCertificates;
  const references = read.x509?.caReferences;
  const signs = Boolean(signing?.primary ?? signing?.secondary);
  const refers = Boolean(references?.primary ?? references?.secondary);
  // Neither, or what must not be: both. Nothing that the product could change.
  if (read.type !== "x509" || signs === refers) return { kind: "other", type: read.type };
  if (signs) {
    return {
      kind: "signingCertificates",
      primary: slotView(signing?.primary),
      secondary: slotView(signing?.secondary),
    };
  }
  return { kind: "caReferences", primary: references?.primary, secondary: references?.secondary };
}

/** Why a change cannot be asked for at all; undefined: it can. */
export function whyNot({ attestation: held }: EnrollmentGroup, { slots }: GroupChange): string | undefined {
  if (held.kind === "other") return `the group does not attest by CA certificates (${held.type})`;
  if (slots === "promote") {
    if (held.kind !== "caReferences") return "a signing certificate cannot move: DPS does not give it back";
    return held.secondary === undefined ? "there is no secondary CA reference to promote" : undefined;
  }
  const foreign = held.kind === "caReferences" ? "set" : "refer";
  const changes = [slots.primary, slots.secondary];
  if (changes.some(({ kind }) => kind === foreign)) return "the group's family of trust cannot be changed";
  const empty =
    (slots.primary.kind === "clear" || (slots.primary.kind === "keep" && held.primary === undefined)) &&
    (slots.secondary.kind === "clear" || (slots.secondary.kind === "keep" && held.secondary === undefined));
  return empty ? "a group needs at least one CA certificate" : undefined;
}

/** The record to send: as read, except slots and status. For changes that `whyNot` has nothing against. */
export function changedGroupRecord(group: EnrollmentGroup, change: GroupChange): Record<string, unknown> {
  const record = z.looseObject({ attestation }).parse(group.record);
  const trust = record.attestation.x509;
  return writable({
    ...record,
    etag: group.etag,
    provisioningStatus: change.provisioningStatus,
    attestation: {
      ...record.attestation,
      x509:
        group.attestation.kind === "caReferences"
          ? { ...trust, caReferences: changedReferences(group.attestation, change.slots) }
          : { ...trust, signingCertificates: changedCertificates(trust?.signingCertificates, change.slots) },
    },
  });
}

type Slots = GroupChange["slots"];

function changedReferences(held: GroupAttestation & { kind: "caReferences" }, slots: Slots): unknown {
  if (slots === "promote") return { primary: held.secondary ?? null, secondary: null };
  const changed = (now: AuthorityName | undefined, change: GroupSlotChange): AuthorityName | null => {
    if (change.kind === "refer") return change.authority;
    return change.kind === "keep" ? (now ?? null) : null;
  };
  return { primary: changed(held.primary, slots.primary), secondary: changed(held.secondary, slots.secondary) };
}

function changedCertificates(held: z.infer<typeof CertificateSlots> | null | undefined, slots: Slots): unknown {
  const changed = (slot: "primary" | "secondary"): unknown => {
    const change = slots === "promote" ? undefined : slots[slot];
    return change === undefined || change.kind === "refer" ? null : changedSlot(held?.[slot], change);
  };
  return { primary: changed("primary"), secondary: changed("secondary") };
}

/** The record of a new group. */
export function newGroupRecord({ groupId, like, attestation: trust, ...spec }: GroupSpec): Record<string, unknown> {
  const certificate = (pem: string | undefined): unknown => (pem === undefined ? null : { certificate: pem });
  return {
    ...policiesOf(like.record),
    enrollmentGroupId: groupId,
    attestation: {
      type: "x509",
      x509:
        trust.kind === "caReferences"
          ? { caReferences: { primary: trust.primary, secondary: trust.secondary ?? null } }
          : {
              signingCertificates: {
                primary: certificate(trust.primaryPem),
                secondary: certificate(trust.secondaryPem),
              },
            },
    },
    provisioningStatus: spec.provisioningStatus,
  };
}
