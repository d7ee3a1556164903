import type { AuthorityName, EnrollmentGroupId, RegistrationId, Sha256Thumbprint } from "../ids";
import {
  authorityKey,
  canonicalName,
  filled,
  isSelfIssued,
  keyIdsAgree,
  type AuthorityFacts,
  type DpsAuthority,
  type FleetEntries,
  type GroupEntry,
  type IndividualEntry,
} from "./fleet-entries";

/** Longest chain that is followed upwards, leaf excluded. */
export const LONGEST_CHAIN = 10;

/**
 * Who signed whom, and who trusts what, at one DPS. Built once per look at the service; immutable, so that "what would be
 * if" is another graph (ca-changes.ts makes it).
 */
export class CaGraph {
  private readonly bySubject = new Map<string, AuthorityFacts[]>();
  private readonly byThumbprint = new Map<Sha256Thumbprint, AuthorityFacts>();
  private readonly byName = new Map<string, DpsAuthority>();
  private readonly verified = new Set<Sha256Thumbprint>();
  private readonly holders = new Map<Sha256Thumbprint, GroupEntry[]>();
  private readonly groups = new Map<EnrollmentGroupId, GroupEntry>();
  private readonly individuals = new Map<RegistrationId, IndividualEntry>();
  private readonly names = new Map<string, string>();
  private readonly leavesOfDisabled = new Set<Sha256Thumbprint>();

  constructor(readonly entries: FleetEntries) {
    for (const authority of entries.authorities) {
      this.learn(authority);
      this.byName.set(authorityKey(authority.name), authority);
      if (authority.isVerified) this.verified.add(authority.sha256Thumbprint);
    }
    for (const group of entries.groups) {
      this.groups.set(group.groupId, group);
      if (group.trust.kind === "signingCertificates") filled(group.trust).forEach((held) => this.learn(held));
    }
    entries.others?.forEach((certificate) => this.learn(certificate));
    for (const group of entries.groups)
      for (const thumbprint of this.trusted(group)) {
        const known = this.holders.get(thumbprint);
        if (known === undefined) this.holders.set(thumbprint, [group]);
        else known.push(group);
      }
    for (const individual of entries.individuals) {
      this.individuals.set(individual.registrationId, individual);
      if (individual.provisioningStatus === "disabled" && individual.trust.kind === "clientCertificates")
        for (const leaf of filled(individual.trust)) this.leavesOfDisabled.add(leaf.sha256Thumbprint);
    }
  }

  authority(thumbprint: Sha256Thumbprint): AuthorityFacts | undefined {
    return this.byThumbprint.get(thumbprint);
  }

  /** The CA certificate that DPS holds under this name. */
  named(name: AuthorityName): DpsAuthority | undefined {
    return this.byName.get(authorityKey(name));
  }

  group(groupId: EnrollmentGroupId): GroupEntry | undefined {
    return this.groups.get(groupId);
  }

  individual(registrationId: RegistrationId): IndividualEntry | undefined {
    return this.individuals.get(registrationId);
  }

  isVerified(thumbprint: Sha256Thumbprint): boolean {
    return this.verified.has(thumbprint);
  }

  /** True if a disabled individual enrollment holds this leaf: then no entry lets it in, whatever its registration id. */
  isDeniedLeaf(thumbprint: Sha256Thumbprint): boolean {
    return this.leavesOfDisabled.has(thumbprint);
  }

  /** Groups with this very certificate in a slot. More than one is against DPS's rule of a single entry. */
  groupsHolding(thumbprint: Sha256Thumbprint): readonly GroupEntry[] {
    return this.holders.get(thumbprint) ?? [];
  }

  /** The CA certificates that an entry trusts; a name that leads nowhere is left out. */
  trusted(entry: GroupEntry | IndividualEntry): Sha256Thumbprint[] {
    switch (entry.trust.kind) {
      case "caReferences":
        return filled(entry.trust).flatMap((name) => this.named(name)?.sha256Thumbprint ?? []);
      case "signingCertificates":
        return filled(entry.trust).map(({ sha256Thumbprint }) => sha256Thumbprint);
      case "clientCertificates":
      case "other":
        return [];
      default:
        return entry.trust satisfies never;
    }
  }

  /**
   * Certificates that may have issued this one, `presented` ones included. Several, where a CA was reissued over the same
   * key. None for one that issued itself.
   */
  issuersOf(
    certificate: Pick<AuthorityFacts, "subjectName" | "issuerName" | "authorityKeyId">,
    presented: readonly AuthorityFacts[] = [],
  ): AuthorityFacts[] {
    if (isSelfIssued(certificate)) return [];
    const wanted = this.canonical(certificate.issuerName);
    const shown = presented.filter(({ subjectName }) => this.canonical(subjectName) === wanted);
    const known = this.bySubject.get(wanted) ?? [];
    return unique([...shown, ...known]).filter((issuer) => keyIdsAgree(issuer, certificate));
  }

  /**
   * The way up from `start`, nearest first: each level holds what may have issued the level below. Ends at self-issued
   * certificates, at a gap, or after ten levels.
   */
  levelsAbove(
    start: Pick<AuthorityFacts, "subjectName" | "issuerName" | "authorityKeyId">,
    presented: readonly AuthorityFacts[] = [],
  ): AuthorityFacts[][] {
    const seen = new Set<Sha256Thumbprint>();
    const levels: AuthorityFacts[][] = [];
    for (let below = [start]; levels.length < LONGEST_CHAIN;) {
      const level = unique(below.flatMap((certificate) => this.issuersOf(certificate, presented))).filter(
        ({ sha256Thumbprint }) => !seen.has(sha256Thumbprint),
      );
      if (level.length === 0) break;
      for (const { sha256Thumbprint } of level) seen.add(sha256Thumbprint);
      levels.push(level);
      below = level;
    }
    return levels;
  }

  /** The certificate itself and everything above it. */
  upFrom(certificate: AuthorityFacts, presented: readonly AuthorityFacts[] = []): AuthorityFacts[] {
    return unique([certificate, ...this.levelsAbove(certificate, presented).flat()]);
  }

  /** True if `ancestor` is the certificate itself or stands above it. */
  descendsFrom(certificate: AuthorityFacts, ancestor: Sha256Thumbprint): boolean {
    return this.upFrom(certificate).some(({ sha256Thumbprint }) => sha256Thumbprint === ancestor);
  }

  /** Issuer names on the way up that nobody here knows: what a device presents there decides, and only it knows. */
  gapsAbove(start: Pick<AuthorityFacts, "subjectName" | "issuerName" | "authorityKeyId">): string[] {
    const path = [start, ...this.levelsAbove(start).flat()];
    const open = path.filter((certificate) => !isSelfIssued(certificate) && this.issuersOf(certificate).length === 0);
    return [...new Set(open.map(({ issuerName }) => issuerName))];
  }

  /** All CA certificates known here. */
  all(): readonly AuthorityFacts[] {
    return [...this.byThumbprint.values()];
  }

  /** Whole fleets name a handful of issuers. */
  private canonical(name: string): string {
    const known = this.names.get(name);
    if (known !== undefined) return known;
    const canonical = canonicalName(name);
    this.names.set(name, canonical);
    return canonical;
  }

  private learn(certificate: AuthorityFacts): void {
    const known = this.byThumbprint.get(certificate.sha256Thumbprint);
    // DPS's own list is read first and comes with key identifiers; a group's copy of the same certificate has none.
    if (known !== undefined) return;
    this.byThumbprint.set(certificate.sha256Thumbprint, certificate);
    const subject = canonicalName(certificate.subjectName);
    this.bySubject.set(subject, [...(this.bySubject.get(subject) ?? []), certificate]);
  }
}

function unique(certificates: readonly AuthorityFacts[]): AuthorityFacts[] {
  return [...new Map(certificates.map((certificate) => [certificate.sha256Thumbprint, certificate])).values()];
}
