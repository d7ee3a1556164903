import { X509Certificate } from "node:crypto";
import type { Faults } from "../../lab/faults/faults";
import { DeviceId, Etag, RegistrationId, Sha256Thumbprint } from "../../shared/domain/ids";
import { parseInstant, type Instant } from "../../shared/domain/instant";
import type { Clock } from "../../shared/ports/clock";
import type {
  EnrollmentChange,
  Enrollments,
  EntryWrite,
  IndividualEnrollment,
  Registration,
  SlotChange,
  SlotView,
} from "../../shared/ports/enrollments";
import { underFaults } from "./fake-faults";

/** An individual enrollment to start with; default enabled, client certificates, hub assignment updated. */
export interface FakeEnrollment {
  readonly registrationId: string;
  readonly deviceId?: string;
  readonly primaryPem?: string;
  readonly secondaryPem?: string;
  readonly provisioningStatus?: "enabled" | "disabled";
  readonly attestation?: IndividualEnrollment["attestation"];
  readonly updateHubAssignment?: boolean;
}

type Entry = Omit<IndividualEnrollment, "record">;

/** Individual enrollments and registration records in memory. */
export class FakeDps {
  readonly port: Enrollments;
  private readonly entries = new Map<RegistrationId, Entry>();
  private readonly registrations = new Map<RegistrationId, Registration>();
  private version = 0;

  constructor(
    private readonly clock: Clock,
    faults: Faults,
  ) {
    this.port = {
      get: (subject) =>
        underFaults(
          faults,
          { operation: "dps.enrollment.get", subject, write: false },
          () => {
            const entry = this.entries.get(subject);
            return entry === undefined
              ? { outcome: "missing" }
              : { outcome: "found", enrollment: { ...entry, record: "kept by the fake" } };
          },
          ({ status }) => (status === 404 ? { outcome: "missing" } : undefined),
        ),
      put: (enrollment, change) =>
        underFaults(
          faults,
          { operation: "dps.enrollment.put", subject: enrollment.registrationId, write: true },
          (commit) => this.put(enrollment, change, commit),
          ({ status }): EntryWrite | undefined => {
            if (status === 412) return { outcome: "precondition-failed" };
            if (status === 404) return { outcome: "missing" };
            return status === 400 ? { outcome: "refused", detail: "fault" } : undefined;
          },
        ),
      getRegistration: (subject) =>
        underFaults(
          faults,
          { operation: "dps.registration.get", subject, write: false },
          () => {
            const registration = this.registrations.get(subject);
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
      etag: this.nextEtag(),
      provisioningStatus: seed.provisioningStatus ?? "enabled",
      attestation: seed.attestation ?? "x509-client",
      primary: seed.primaryPem === undefined ? undefined : view(seed.primaryPem),
      secondary: seed.secondaryPem === undefined ? undefined : view(seed.secondaryPem),
      updateHubAssignment: seed.updateHubAssignment ?? true,
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
    if (entry !== undefined) this.entries.set(entry.registrationId, { ...entry, etag: this.nextEtag() });
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

  setRegistration(registration: Omit<Registration, "lastUpdatedAt" | "etag">): void {
    // Unlike an enrollment's: base64 of the quoted text.
    const etag = Etag.parse(Buffer.from(this.nextEtag()).toString("base64"));
    this.registrations.set(registration.registrationId, { ...registration, lastUpdatedAt: this.clock.now(), etag });
  }

  private put(read: IndividualEnrollment, change: EnrollmentChange, commit: boolean): EntryWrite {
    const entry = this.entries.get(read.registrationId);
    const onlyStatus = change.primary.kind === "keep" && change.secondary.kind === "keep";
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
      etag: this.nextEtag(),
      lastUpdatedAt: this.now(),
    };
    if (commit) this.entries.set(entry.registrationId, written);
    return { outcome: "written", etag: written.etag, lastUpdatedAt: written.lastUpdatedAt };
  }

  private now(): Instant {
    return this.clock.now();
  }

  private nextEtag(): Etag {
    this.version += 1;
    // Quotes and all, as DPS writes them.
    return Etag.parse(`"${this.version.toString(16).padStart(8, "0")}-0000-0800-0000-000000000000"`);
  }
}

function changed(held: SlotView | undefined, change: SlotChange): SlotView | undefined | "bad" {
  if (change.kind === "keep") return held;
  if (change.kind === "clear") return undefined;
  try {
    return view(change.certificatePem);
  } catch {
    return "bad";
  }
}

function view(pem: string): SlotView {
  const certificate = new X509Certificate(pem);
  return {
    sha256Thumbprint: Sha256Thumbprint.parse(certificate.fingerprint256.replaceAll(":", "")),
    notAfter: parseInstant(certificate.validTo),
    subjectName: certificate.subject.replaceAll("\n", ", "),
  };
}
