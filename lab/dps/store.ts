import { randomBytes } from "node:crypto";
import type { LabClock } from "../clock";
import { AttemptLog } from "./attempts";
import { CaCertificates } from "./ca-certificates";
import { filled, keyOf, type EnrollmentGroup, type Entry, type IndividualEnrollment } from "./entries";
import type { Registration } from "./entries";
import { readGroup, readIndividual, type EntryContext } from "./entry-input";
import { PagedMap } from "./paged-map";
import type { DpsSwitches } from "./switches";

/**
 * All that a DPS instance knows, in memory. Tests and scenarios seed and inspect it past the network; what they seed is
 * checked as a request would be and counts at once.
 */
export class DpsStore {
  readonly enrollments = new PagedMap<IndividualEnrollment>();
  readonly groups = new PagedMap<EnrollmentGroup>();
  readonly cas: CaCertificates;
  readonly attempts = new AttemptLog();
  /** Written through `putRegistration` and `deleteRegistration` only. */
  readonly registrations = new PagedMap<Registration>();
  private readonly registrationsOfGroup = new Map<string, PagedMap<Registration>>();
  /** By leaf thumbprint, how many disabled individual enrollments hold it. */
  private readonly disabledLeaves = new Map<string, number>();
  private readonly etagSuffix = randomBytes(6).toString("hex");
  private etagCount = 0x1a055216;

  constructor(
    private readonly clock: LabClock,
    private readonly switches: DpsSwitches,
    private readonly linkedHubs: () => readonly string[],
  ) {
    this.cas = new CaCertificates(clock, switches, () => this.newEtag());
  }

  /** What reading an entry out of a request needs to know. */
  entryContext(): EntryContext {
    return {
      now: this.clock.now(),
      etag: `"${this.newEtag()}"`,
      switches: this.switches,
      linkedHubs: this.linkedHubs(),
      hasCa: (name) => this.cas.visible(name) !== undefined,
    };
  }

  /** An etag that no record of this store had before, without quotes. */
  newEtag(): string {
    this.etagCount += 1;
    return `${this.etagCount.toString(16).padStart(8, "0")}-0000-0800-0000-${this.etagSuffix}`;
  }

  putEntry(entry: Entry): void {
    if (entry.kind === "group") {
      this.groups.set(keyOf(entry.id), entry);
      return;
    }
    this.countDisabledLeaves(this.enrollments.get(keyOf(entry.id)), -1);
    this.enrollments.set(keyOf(entry.id), entry);
    this.countDisabledLeaves(entry, 1);
  }

  deleteEntry(entry: Entry): void {
    if (entry.kind === "group") {
      this.groups.delete(keyOf(entry.id));
      return;
    }
    this.countDisabledLeaves(entry, -1);
    this.enrollments.delete(keyOf(entry.id));
    if (this.switches.deleteIndividualRemovesRegistration) {
      const registration = this.registrations.get(keyOf(entry.id));
      if (registration?.enrollmentGroupId === undefined) this.deleteRegistration(entry.id);
    }
  }

  /** The entry as it is now, or undefined when it is gone. */
  current(entry: Entry): Entry | undefined {
    return entry.kind === "group" ? this.groups.get(keyOf(entry.id)) : this.enrollments.get(keyOf(entry.id));
  }

  /** Whether some disabled individual enrollment holds this leaf: a certificate in a disabled entry is out everywhere. */
  isDisabledLeaf(sha256Thumbprint: string): boolean {
    return this.disabledLeaves.has(sha256Thumbprint);
  }

  putRegistration(registration: Registration): void {
    const key = keyOf(registration.registrationId);
    const listed = registration.enrollmentGroupId ?? registration.listedUnder;
    const before = this.registrations.get(key)?.listedUnder;
    if (before !== undefined && before !== listed) this.registrationsOfGroup.get(keyOf(before))?.delete(key);
    const record = listed === undefined ? registration : { ...registration, listedUnder: listed };
    this.registrations.set(key, record);
    if (listed === undefined) return;
    const group = this.registrationsOfGroup.get(keyOf(listed)) ?? new PagedMap<Registration>();
    this.registrationsOfGroup.set(keyOf(listed), group);
    group.set(key, record);
  }

  deleteRegistration(registrationId: string): void {
    const key = keyOf(registrationId);
    const listed = this.registrations.get(key)?.listedUnder;
    if (listed !== undefined) this.registrationsOfGroup.get(keyOf(listed))?.delete(key);
    this.registrations.delete(key);
  }

  /** A page of a group's registrations; `next` as in PagedMap. The page may have gaps where devices left the group. */
  registrationsPage(groupId: string, from: number, limit: number) {
    const page = this.registrationsOfGroup.get(keyOf(groupId))?.page(from, limit) ?? { items: [] };
    if (this.switches.groupListsPinned) return page;
    return { ...page, items: page.items.filter(({ enrollmentGroupId }) => enrollmentGroupId !== undefined) };
  }

  /** Puts an individual enrollment, given as the body of its PUT; replaces one of the same id. */
  seedEnrollment(body: unknown): IndividualEnrollment {
    const read = readIndividual(body, undefined, this.entryContext());
    this.putEntry(read);
    return read;
  }

  /** Puts an enrollment group, given as the body of its PUT. */
  seedGroup(body: unknown): EnrollmentGroup {
    const read = readGroup(body, undefined, this.entryContext());
    this.putEntry(read);
    return read;
  }

  /** Adds a verified CA certificate that counts at once. Throws when the PEM is no certificate. */
  addVerifiedCa(pem: string, name: string): void {
    this.cas.seed(name, pem, true);
  }

  /** The groups that hold one of these certificates or refer to one of these CA names, other than `except`. */
  groupSharing(attestation: Entry["attestation"], except: string): EnrollmentGroup | undefined {
    if (attestation.type !== "x509") return undefined;
    const thumbprints = new Set(filled(attestation.signingCertificates).map((info) => info.sha256Thumbprint));
    const names = new Set(filled(attestation.caReferences).map(keyOf));
    for (const group of this.groups.values()) {
      if (keyOf(group.id) === keyOf(except) || group.attestation.type !== "x509") continue;
      const shares =
        filled(group.attestation.signingCertificates).some((info) => thumbprints.has(info.sha256Thumbprint)) ||
        filled(group.attestation.caReferences).some((name) => names.has(keyOf(name)));
      if (shares) return group;
    }
    return undefined;
  }

  /** Whether any entry refers to the CA certificate of this name. */
  isReferenced(caName: string): boolean {
    const refers = (entry: Entry) =>
      entry.attestation.type === "x509" &&
      filled(entry.attestation.caReferences).some((name) => keyOf(name) === keyOf(caName));
    for (const group of this.groups.values()) if (refers(group)) return true;
    for (const enrollment of this.enrollments.values()) if (refers(enrollment)) return true;
    return false;
  }

  private countDisabledLeaves(entry: IndividualEnrollment | undefined, by: 1 | -1): void {
    if (entry?.provisioningStatus !== "disabled" || entry.attestation.type !== "x509") return;
    for (const { sha256Thumbprint } of filled(entry.attestation.clientCertificates)) {
      const count = (this.disabledLeaves.get(sha256Thumbprint) ?? 0) + by;
      if (count > 0) this.disabledLeaves.set(sha256Thumbprint, count);
      else this.disabledLeaves.delete(sha256Thumbprint);
    }
  }
}
