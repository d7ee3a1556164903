import type { Faults } from "../../lab/faults/faults";
import { AuthorityName, DeviceId, RegistrationId, type Sha256Thumbprint } from "../../shared/domain/ids";
import type { Clock } from "../../shared/ports/clock";
import type {
  EnrollmentChange,
  EnrollmentCreation,
  Enrollments,
  EnrollmentSpec,
  IndividualEnrollment,
  SlotChange,
} from "../../shared/ports/enrollments";
import type { EntryDeletion, EntryWrite, SlotView } from "../../shared/ports/entries";
import { underFaults } from "./fake-faults";
import { pageOf, refusedCreation, refusedWrite, slotViewOf, type Versions } from "./fake-records";
import type { FakeRegistrations } from "./fake-registrations";

/** An individual enrollment to start with; default enabled, client certificates, hub assignment updated. */
export interface FakeEnrollment {
  readonly registrationId: string;
  readonly deviceId?: string;
  readonly primaryPem?: string;
  readonly secondaryPem?: string;
  readonly provisioningStatus?: "enabled" | "disabled";
  readonly attestation?: IndividualEnrollment["attestation"];
  readonly updateHubAssignment?: boolean;
  /** CA certificates that it refers to instead of holding a leaf. */
  readonly caReferences?: readonly string[];
  readonly credentialPolicyName?: string;
}

type Entry = Omit<IndividualEnrollment, "record">;

/** Individual enrollments in memory. */
export class FakeDps {
  readonly port: Enrollments;
  private readonly entries = new Map<RegistrationId, Entry>();

  constructor(
    private readonly clock: Clock,
    faults: Faults,
    private readonly versions: Versions,
    registrations: FakeRegistrations,
  ) {
    this.port = {
      get: (subject) =>
        underFaults(
          faults,
          { operation: "dps.enrollment.get", subject, write: false },
          () => {
            const entry = this.entries.get(subject);
            return entry === undefined ? { outcome: "missing" } : { outcome: "found", enrollment: recorded(entry) };
          },
          ({ status }) => (status === 404 ? { outcome: "missing" } : undefined),
        ),
      put: (enrollment, change) =>
        underFaults(
          faults,
          { operation: "dps.enrollment.put", subject: enrollment.registrationId, write: true },
          (commit): EntryWrite => this.put(enrollment, change, commit),
          refusedWrite,
        ),
      list: (cursor) =>
        underFaults(faults, { operation: "dps.enrollment.query", subject: "", write: false }, () => {
          const { items, next } = pageOf(this.entries, cursor);
          const listed = items.map((entry) => ({
            ...recorded(entry),
            registration: registrations.get(entry.registrationId),
          }));
          return { items: listed, next };
        }),
      create: (spec) =>
        underFaults<EnrollmentCreation>(
          faults,
          { operation: "dps.enrollment.put", subject: spec.registrationId, write: true },
          (commit) => this.create(spec, commit),
          refusedCreation,
        ),
      delete: (enrollment) =>
        underFaults<EntryDeletion>(
          faults,
          { operation: "dps.enrollment.delete", subject: enrollment.registrationId, write: true },
          (commit) => this.delete(enrollment, commit),
          refusedWrite,
        ),
      getRegistration: (subject) =>
        underFaults(
          faults,
          { operation: "dps.registration.get", subject, write: false },
          () => {
            const registration = registrations.get(subject);
            return registration === undefined ? { outcome: "missing" } : { outcome: "found", registration };
          },
          ({ status }) => (status === 404 ? { outcome: "missing" } : undefined),
        ),
    };
  }

  add(seed: FakeEnrollment): void {
    const registrationId = RegistrationId.parse(seed.registrationId.toLowerCase());
    this.entries.set(registrationId, {
      registrationId,
      deviceId: seed.deviceId === undefined ? undefined : DeviceId.parse(seed.deviceId),
      etag: this.versions.next(),
      provisioningStatus: seed.provisioningStatus ?? "enabled",
      attestation: seed.attestation ?? (seed.caReferences === undefined ? "x509-client" : "x509-other"),
      primary: seed.primaryPem === undefined ? undefined : slotViewOf(seed.primaryPem),
      secondary: seed.secondaryPem === undefined ? undefined : slotViewOf(seed.secondaryPem),
      caReferences: (seed.caReferences ?? []).map((name) => AuthorityName.parse(name)),
      updateHubAssignment: seed.updateHubAssignment ?? true,
      credentialPolicyName: seed.credentialPolicyName,
      lastUpdatedAt: this.clock.now(),
    });
  }

  /** Somebody else deletes the entry. */
  remove(registrationId: string): void {
    this.entries.delete(RegistrationId.parse(registrationId.toLowerCase()));
  }

  /** Somebody else writes the entry: nothing changes but its version. */
  touch(registrationId: string): void {
    const entry = this.entry(registrationId);
    if (entry !== undefined) this.entries.set(entry.registrationId, { ...entry, etag: this.versions.next() });
  }

  /** The entry as it stands, for tests to look at. */
  entry(registrationId: string): Entry | undefined {
    return this.entries.get(RegistrationId.parse(registrationId.toLowerCase()));
  }

  /** The hub device this leaf may become, or undefined where DPS refuses it. */
  accepts(registrationId: RegistrationId, thumbprint: Sha256Thumbprint): DeviceId | undefined {
    const entry = this.entries.get(registrationId);
    const held = [entry?.primary?.sha256Thumbprint, entry?.secondary?.sha256Thumbprint].includes(thumbprint);
    if (entry?.provisioningStatus !== "enabled" || !held) return undefined;
    return entry.deviceId ?? DeviceId.parse(registrationId);
  }

  has(registrationId: RegistrationId): boolean {
    return this.entries.has(registrationId);
  }

  refersTo(name: AuthorityName): boolean {
    return [...this.entries.values()].some(({ caReferences }) => caReferences.includes(name));
  }

  private put(read: IndividualEnrollment, change: EnrollmentChange, commit: boolean): EntryWrite {
    const entry = this.entries.get(read.registrationId);
    const onlyStatus = change.primary.kind === "keep" && change.secondary.kind === "keep";
    // As the adapter: without a call.
    if (read.attestation === "other" || (read.attestation === "x509-other" && !onlyStatus))
      return { outcome: "refused", detail: "the enrollment does not attest by client certificates" };
    if (entry === undefined) return { outcome: "missing" };
    if (entry.etag !== read.etag) return { outcome: "precondition-failed" };
    const slots = {
      primary: changed(entry.primary, change.primary),
      secondary: changed(entry.secondary, change.secondary),
    };
    if (slots.primary === "bad" || slots.secondary === "bad")
      return { outcome: "refused", detail: "not a certificate" };
    if (entry.attestation === "x509-client" && slots.primary === undefined && slots.secondary === undefined)
      return { outcome: "refused", detail: "at least one certificate is needed" };
    const { primary, secondary } = slots;
    const { provisioningStatus } = change;
    const written = {
      ...entry,
      primary,
      secondary,
      provisioningStatus,
      etag: this.versions.next(),
      lastUpdatedAt: this.clock.now(),
    };
    if (commit) this.entries.set(entry.registrationId, written);
    return { outcome: "written", etag: written.etag, lastUpdatedAt: written.lastUpdatedAt };
  }

  private create(spec: EnrollmentSpec, commit: boolean): EnrollmentCreation {
    const { registrationId, deviceId, provisioningStatus, like } = spec;
    const existing = this.entries.get(registrationId);
    if (existing !== undefined) return { outcome: "exists", enrollment: recorded(existing) };
    const primary = slotViewOf(spec.certificatePem);
    if (primary === undefined) return { outcome: "refused", detail: "not a certificate" };
    const at = { etag: this.versions.next(), lastUpdatedAt: this.clock.now() };
    const slots = { attestation: "x509-client", primary, secondary: undefined, caReferences: [] } as const;
    const policies = { updateHubAssignment: like.updateHubAssignment, credentialPolicyName: undefined };
    const made = { registrationId, deviceId, provisioningStatus, ...policies, ...slots, ...at };
    if (commit) this.entries.set(registrationId, made);
    return { outcome: "created", ...at };
  }

  private delete(read: IndividualEnrollment, commit: boolean): EntryDeletion {
    const entry = this.entries.get(read.registrationId);
    if (entry === undefined) return { outcome: "missing" };
    if (entry.etag !== read.etag) return { outcome: "precondition-failed" };
    if (commit) this.entries.delete(read.registrationId);
    return { outcome: "deleted" };
  }
}

function recorded(entry: Entry): IndividualEnrollment {
  return { ...entry, record: "kept by the fake" };
}

function changed(held: SlotView | undefined, change: SlotChange): SlotView | undefined | "bad" {
  if (change.kind === "keep") return held;
  if (change.kind === "clear") return undefined;
  return slotViewOf(change.certificatePem) ?? "bad";
}
