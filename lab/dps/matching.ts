import { isIssuedBy, readCertificate, type ReadCertificate } from "./certificate-info";
import { filled, keyOf, type EnrollmentGroup, type Entry, type IndividualEnrollment } from "./entries";
import type { DpsStore } from "./store";
import type { DpsSwitches } from "./switches";

/** What DPS thinks of somebody who wants to register under an id with a certificate. */
export type Verdict =
  | { readonly kind: "accepted"; readonly entry: Entry; readonly leaf: ReadCertificate }
  /** The entry that decides is disabled: answered as a final status, not as an error. */
  | { readonly kind: "disabled"; readonly entry: Entry; readonly leaf: ReadCertificate }
  | Refusal;

/** Nothing is written for a refusal; the message is what the device gets. */
export interface Refusal {
  readonly kind: "refused";
  readonly message: string;
  /** Wrong certificate for this id, told to MQTT clients at CONNECT already (by default). */
  readonly invalidCertificate: boolean;
  readonly leaf: ReadCertificate | undefined;
}

const maximumChain = 10;
/** Some ten megabytes. */
const signaturesKept = 50_000;

/**
 * The matching of a registration, after Microsoft docs concepts-x509-attestation and how-to-revoke-device-access: an
 * individual enrollment for the id decides alone; else the certificate nearest the leaf that belongs to a group does.
 * `presented` is DER, leaf first; `now` in milliseconds.
 */
export class Matcher {
  /** Authorities seen in chains, since whole fleets share them, and what signed what. */
  private readonly authorities = new Map<string, ReadCertificate>();
  private readonly signatures = new Map<string, boolean>();

  constructor(
    private readonly store: DpsStore,
    private readonly switches: DpsSwitches,
  ) {}

  judge(registrationId: string, presented: readonly Buffer[], now: number): Verdict {
    const leaf = presented[0] ? readCertificate(presented[0]) : undefined;
    if (!leaf || !this.isNamed(leaf, registrationId)) return refused("Invalid certificate.", leaf, true);
    const enrollment = this.store.enrollments.get(keyOf(registrationId));
    if (enrollment) {
      const verdict = this.judgeIndividual(enrollment, leaf, presented, now);
      if (verdict) return verdict;
    }
    return this.judgeGroups(leaf, presented, now);
  }

  /** Undefined when another leaf than the enrollment's falls through to the groups. */
  private judgeIndividual(
    entry: IndividualEnrollment,
    leaf: ReadCertificate,
    presented: readonly Buffer[],
    now: number,
  ): Verdict | undefined {
    if (entry.provisioningStatus === "disabled") return { kind: "disabled", entry, leaf };
    const { attestation } = entry;
    if (attestation.type !== "x509") return refused("Unauthorized", leaf);
    const references = filled(attestation.caReferences);
    if (references.length > 0) return this.judgeReferences(entry, references, leaf, presented, now);
    const holds = filled(attestation.clientCertificates).some(
      (info) => info.sha256Thumbprint === leaf.sha256Thumbprint,
    );
    if (!holds) {
      if (this.switches.otherLeafOfIndividual === "falls-through") return undefined;
      return refused("Invalid certificate.", leaf, true);
    }
    if (this.store.isDisabledLeaf(leaf.sha256Thumbprint)) return { kind: "disabled", entry, leaf };
    if (this.switches.expiredIndividualRefused && !isValid(leaf, now)) {
      return refused("Invalid certificate.", leaf, true);
    }
    // A chain that is shown must lead to a verified authority (Microsoft docs, iot-dps-https-x509-support).
    if (presented.length > 1 && this.anchorIndex(this.path(leaf, presented)) < 0) {
      return refused("CA certificate not found.", leaf);
    }
    return { kind: "accepted", entry, leaf };
  }

  private judgeReferences(
    entry: IndividualEnrollment,
    names: readonly string[],
    leaf: ReadCertificate,
    presented: readonly Buffer[],
    now: number,
  ): Verdict {
    const path = this.path(leaf, presented);
    const anchor = this.anchorIndex(path);
    if (anchor < 0) return refused("CA certificate not found.", leaf);
    const trusted = this.thumbprintsOf(names);
    const at = path.findIndex((certificate, index) => index > 0 && trusted.has(certificate.sha256Thumbprint));
    if (at < 0) return refused("Signing certificate info did not match chain elements.", leaf);
    if (this.isExpired(path, at, now)) return refused("Invalid certificate.", leaf, true);
    return { kind: "accepted", entry, leaf };
  }

  private judgeGroups(leaf: ReadCertificate, presented: readonly Buffer[], now: number): Verdict {
    const path = this.path(leaf, presented);
    if (path.length === 1 && leaf.subjectName === leaf.issuerName) return refused("Unauthorized", leaf);
    const anchor = this.anchorIndex(path);
    if (anchor < 0) return refused("CA certificate not found.", leaf);
    for (const [index, certificate] of path.entries()) {
      if (index === 0) continue;
      const groups = this.groupsOf(certificate);
      const entry = groups.find((group) => group.provisioningStatus === "disabled") ?? groups[0];
      if (!entry) continue;
      // A verified authority must stand at or above the certificate that decides.
      if (anchor < index) return refused("CA certificate not found.", leaf);
      if (entry.provisioningStatus === "disabled" || this.store.isDisabledLeaf(leaf.sha256Thumbprint)) {
        return { kind: "disabled", entry, leaf };
      }
      if (this.isExpired(path, index, now)) return refused("Invalid certificate.", leaf, true);
      return { kind: "accepted", entry, leaf };
    }
    return refused(
      this.isNamesake(path) ? "Signing certificate info did not match chain elements." : "Unauthorized",
      leaf,
    );
  }

  private isNamed(leaf: ReadCertificate, registrationId: string): boolean {
    if (leaf.commonName === undefined) return false;
    return this.switches.commonNameIgnoresCase
      ? keyOf(leaf.commonName) === keyOf(registrationId)
      : leaf.commonName === registrationId;
  }

  /** From the leaf upwards: presented authorities first, then uploaded ones, which need not be presented. */
  private path(leaf: ReadCertificate, presented: readonly Buffer[]): ReadCertificate[] {
    const uploaded = this.store.cas.visibleAll().map(({ certificate }) => certificate);
    const candidates = [...presented.slice(1, maximumChain).flatMap((der) => this.authority(der)), ...uploaded];
    const path = [leaf];
    for (let current = leaf; path.length < maximumChain;) {
      const child = current;
      const issuer = candidates.find((candidate) => !path.includes(candidate) && this.signed(child, candidate));
      if (!issuer || issuer.sha256Thumbprint === child.sha256Thumbprint) break;
      path.push(issuer);
      current = issuer;
    }
    return path;
  }

  /** The topmost verified authority in the path, or -1. */
  private anchorIndex(path: readonly ReadCertificate[]): number {
    const verified = new Set(
      this.store.cas.visibleAll().flatMap((ca) => (ca.isVerified ? [ca.info.sha256Thumbprint] : [])),
    );
    return path.reduce(
      (topmost, certificate, index) => (index > 0 && verified.has(certificate.sha256Thumbprint) ? index : topmost),
      -1,
    );
  }

  private groupsOf(certificate: ReadCertificate): EnrollmentGroup[] {
    return [...this.store.groups.values()].filter(({ attestation }) => {
      if (attestation.type !== "x509") return false;
      const held = filled(attestation.signingCertificates);
      if (held.some((info) => info.sha256Thumbprint === certificate.sha256Thumbprint)) return true;
      return this.thumbprintsOf(filled(attestation.caReferences)).has(certificate.sha256Thumbprint);
    });
  }

  /** Whether some group holds an authority of the same name as one in the path, but another certificate. */
  private isNamesake(path: readonly ReadCertificate[]): boolean {
    const names = new Set(path.slice(1).map(({ subjectName }) => subjectName));
    return [...this.store.groups.values()].some(
      ({ attestation }) =>
        attestation.type === "x509" &&
        filled(attestation.signingCertificates).some((info) => names.has(info.subjectName)),
    );
  }

  private thumbprintsOf(caNames: readonly string[]): Set<string> {
    return new Set(caNames.flatMap((name) => this.store.cas.visible(name)?.info.sha256Thumbprint ?? []));
  }

  private isExpired(path: readonly ReadCertificate[], upTo: number, now: number): boolean {
    return this.switches.expiredRefused && path.slice(0, upTo + 1).some((certificate) => !isValid(certificate, now));
  }

  private authority(der: Buffer): ReadCertificate[] {
    const key = der.toString("latin1");
    const known = this.authorities.get(key);
    if (known) return [known];
    const certificate = readCertificate(der);
    if (!certificate) return [];
    if (this.authorities.size >= 1_000) this.authorities.clear();
    this.authorities.set(key, certificate);
    return [certificate];
  }

  private signed(subject: ReadCertificate, issuer: ReadCertificate): boolean {
    // Of most authorities the name tells; and a fleet that was cut off asks again and again with the same leaves.
    if (subject.issuerName !== issuer.subjectName) return false;
    const key = `${subject.sha256Thumbprint}${issuer.sha256Thumbprint}`;
    const known = this.signatures.get(key);
    if (known !== undefined) return known;
    const answer = isIssuedBy(subject, issuer);
    if (this.signatures.size >= signaturesKept) this.signatures.clear();
    this.signatures.set(key, answer);
    return answer;
  }
}

function isValid(certificate: ReadCertificate, now: number): boolean {
  return certificate.notBefore <= now && now <= certificate.notAfter;
}

function refused(message: string, leaf: ReadCertificate | undefined, invalidCertificate = false): Refusal {
  return { kind: "refused", message, leaf, invalidCertificate };
}
