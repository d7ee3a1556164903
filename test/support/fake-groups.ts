import { X509Certificate } from "node:crypto";
import type { Faults } from "../../lab/faults/faults";
import { whyNot } from "../../shared/adapters/azure/group-record";
import { AuthorityName, EnrollmentGroupId } from "../../shared/domain/ids";
import type { Clock } from "../../shared/ports/clock";
import type {
  EnrollmentGroup,
  EnrollmentGroups,
  GroupAttestation,
  GroupChange,
  GroupCreation,
  GroupSlotChange,
  GroupSpec,
} from "../../shared/ports/enrollment-groups";
import type { EntryDeletion, EntryWrite, SlotView } from "../../shared/ports/entries";
import type { FakeAuthorities } from "./fake-authorities";
import { underFaults } from "./fake-faults";
import { pageOf, refusedCreation, refusedWrite, slotViewOf, type Versions } from "./fake-records";

/** A group to start with; one of `caReferences`, `signingPems`, `other`. Default enabled, hub assignment updated. */
export interface FakeGroup {
  readonly groupId: string;
  /** Names of CA certificates, primary first. */
  readonly caReferences?: readonly [string, string?];
  /** PEM of CA certificates, primary first. */
  readonly signingPems?: readonly [string, string?];
  /** Another attestation, in the service's word. */
  readonly other?: string;
  readonly provisioningStatus?: "enabled" | "disabled";
  readonly updateHubAssignment?: boolean;
  readonly migrateDeviceData?: boolean;
  readonly credentialPolicyName?: string;
}

type Entry = Omit<EnrollmentGroup, "record">;

/** Groups that a DPS instance may hold. */
const MOST = 100;

/** Enrollment groups in memory. */
export class FakeGroups {
  readonly port: EnrollmentGroups;
  private readonly groups = new Map<EnrollmentGroupId, Entry>();
  /** By thumbprint, what groups were ever given: DPS shows it to nobody. */
  private readonly certificates = new Map<string, X509Certificate>();

  constructor(
    private readonly clock: Clock,
    faults: Faults,
    private readonly versions: Versions,
    private readonly authorities: () => FakeAuthorities,
  ) {
    const call = (verb: string, subject: string, write: boolean) => ({
      operation: `dps.group.${verb}`,
      subject,
      write,
    });
    this.port = {
      get: (groupId) =>
        underFaults(
          faults,
          call("get", groupId, false),
          () => {
            const group = this.groups.get(groupId);
            return group === undefined ? { outcome: "missing" } : { outcome: "found", group: recorded(group) };
          },
          ({ status }) => (status === 404 ? { outcome: "missing" } : undefined),
        ),
      list: (cursor) =>
        underFaults(faults, call("query", "", false), () => {
          const { items, next } = pageOf(this.groups, cursor);
          return { items: items.map(recorded), next };
        }),
      create: (spec) =>
        underFaults<GroupCreation>(
          faults,
          call("put", spec.groupId, true),
          (commit) => this.create(spec, commit),
          refusedCreation,
        ),
      put: (group, change) => {
        const detail = whyNot(group, change);
        if (detail !== undefined) return Promise.resolve({ outcome: "refused", detail });
        const work = (commit: boolean): EntryWrite => this.put(group, change, commit);
        return underFaults(faults, call("put", group.groupId, true), work, refusedWrite);
      },
      delete: (group) =>
        underFaults<EntryDeletion>(
          faults,
          call("delete", group.groupId, true),
          (commit) => this.delete(group, commit),
          refusedWrite,
        ),
    };
  }

  /** Puts a group there past the port. */
  add(seed: FakeGroup): void {
    const groupId = EnrollmentGroupId.parse(seed.groupId.toLowerCase());
    this.groups.set(groupId, {
      groupId,
      etag: this.versions.next(),
      provisioningStatus: seed.provisioningStatus ?? "enabled",
      attestation: this.seeded(seed),
      updateHubAssignment: seed.updateHubAssignment ?? true,
      migrateDeviceData: seed.migrateDeviceData ?? true,
      iotHubs: [],
      allocationPolicy: "hashed",
      credentialPolicyName: seed.credentialPolicyName,
      lastUpdatedAt: this.clock.now(),
    });
  }

  /** Somebody else deletes the group. */
  remove(groupId: string): void {
    this.groups.delete(EnrollmentGroupId.parse(groupId.toLowerCase()));
  }

  get size(): number {
    return this.groups.size;
  }

  /** The group as it stands, for tests to look at. */
  group(groupId: string): Entry | undefined {
    return this.groups.get(EnrollmentGroupId.parse(groupId.toLowerCase()));
  }

  refersTo(name: AuthorityName): boolean {
    return [...this.groups.values()].some(
      ({ attestation: held }) => held.kind === "caReferences" && [held.primary, held.secondary].includes(name),
    );
  }

  /** The group that lets a device in which presents this chain, leaf first; the nearest authority decides. */
  accepts(chain: readonly X509Certificate[]): EnrollmentGroupId | undefined {
    const holding = (authorityIs: (authority: X509Certificate) => boolean): Entry | undefined =>
      [...this.groups.values()].find((group) => this.trusted(group.attestation).some(authorityIs));
    const [, ...issuers] = chain;
    const last = chain.at(-1);
    const deciding =
      issuers.map((one) => holding((authority) => authority.fingerprint256 === one.fingerprint256)).find(Boolean) ??
      holding((authority) => last?.checkIssued(authority) === true && last.verify(authority.publicKey));
    return deciding?.provisioningStatus === "enabled" ? deciding.groupId : undefined;
  }

  private trusted(held: GroupAttestation): X509Certificate[] {
    if (held.kind === "other") return [];
    if (held.kind === "caReferences") {
      return [held.primary, held.secondary].flatMap(
        (name) => (name === undefined ? undefined : this.authorities().verified(name)) ?? [],
      );
    }
    return [held.primary, held.secondary].flatMap((slot) => this.certificates.get(slot?.sha256Thumbprint ?? "") ?? []);
  }

  private create(spec: GroupSpec, commit: boolean): GroupCreation {
    const existing = this.groups.get(spec.groupId);
    if (existing !== undefined) return { outcome: "exists", group: recorded(existing) };
    if (this.groups.size >= MOST) return { outcome: "limit-reached", detail: `the limit of ${MOST} is reached` };
    const { attestation: wanted } = spec;
    const set = (pem: string | undefined): GroupSlotChange =>
      pem === undefined ? { kind: "clear" } : { kind: "set", certificatePem: pem };
    const refer = (authority: AuthorityName | undefined): GroupSlotChange =>
      authority === undefined ? { kind: "clear" } : { kind: "refer", authority };
    const none = { primary: undefined, secondary: undefined };
    const attestation =
      wanted.kind === "caReferences"
        ? this.changed(
            { kind: wanted.kind, ...none },
            { primary: refer(wanted.primary), secondary: refer(wanted.secondary) },
          )
        : this.changed(
            { kind: wanted.kind, ...none },
            { primary: set(wanted.primaryPem), secondary: set(wanted.secondaryPem) },
          );
    if (typeof attestation === "string") return { outcome: "refused", detail: attestation };
    const { groupId, like, provisioningStatus } = spec;
    const { record: _, ...policies } = like;
    const at = { etag: this.versions.next(), lastUpdatedAt: this.clock.now() };
    const made = { ...policies, ...at, groupId, provisioningStatus, attestation, credentialPolicyName: undefined };
    if (commit) this.groups.set(groupId, made);
    return { outcome: "created", ...at };
  }

  private put(read: EnrollmentGroup, change: GroupChange, commit: boolean): EntryWrite {
    const group = this.groups.get(read.groupId);
    if (group === undefined) return { outcome: "missing" };
    if (group.etag !== read.etag) return { outcome: "precondition-failed" };
    const attestation = this.changed(group.attestation, change.slots);
    if (typeof attestation === "string") return { outcome: "refused", detail: attestation };
    const at = { etag: this.versions.next(), lastUpdatedAt: this.clock.now() };
    const { provisioningStatus } = change;
    if (commit) this.groups.set(group.groupId, { ...group, ...at, attestation, provisioningStatus });
    return { outcome: "written", ...at };
  }

  private delete(read: EnrollmentGroup, commit: boolean): EntryDeletion {
    const group = this.groups.get(read.groupId);
    if (group === undefined) return { outcome: "missing" };
    if (group.etag !== read.etag) return { outcome: "precondition-failed" };
    if (commit) this.groups.delete(read.groupId);
    return { outcome: "deleted" };
  }

  /** The trust after a change, or why the service does not take it. */
  private changed(held: GroupAttestation, slots: GroupChange["slots"]): GroupAttestation | string {
    if (held.kind === "other") return "no X.509";
    if (held.kind === "caReferences") {
      if (slots === "promote") return { kind: held.kind, primary: held.secondary, secondary: undefined };
      const primary = referred(held.primary, slots.primary);
      const secondary = referred(held.secondary, slots.secondary);
      const unknown = [primary, secondary].some((name) => name !== undefined && !this.authorities().has(name));
      return unknown ? "CA certificate reference not found" : { kind: held.kind, primary, secondary };
    }
    if (slots === "promote") return "no certificate to send";
    const primary = this.filled(held.primary, slots.primary);
    const secondary = this.filled(held.secondary, slots.secondary);
    if (primary === "bad" || secondary === "bad") return "not a certificate";
    return { kind: held.kind, primary, secondary };
  }

  private filled(held: SlotView | undefined, change: GroupSlotChange): SlotView | undefined | "bad" {
    if (change.kind === "keep") return held;
    return change.kind === "set" ? this.keep(change.certificatePem) : undefined;
  }

  private keep(pem: string): SlotView | "bad" {
    const view = slotViewOf(pem);
    if (view === undefined) return "bad";
    this.certificates.set(view.sha256Thumbprint, new X509Certificate(pem));
    return view;
  }

  private seeded({ caReferences, signingPems, other }: FakeGroup): GroupAttestation {
    if (other !== undefined) return { kind: "other", type: other };
    const slots = (signingPems ?? []).map((pem) => (pem === undefined ? undefined : this.keep(pem)));
    const [primary, secondary] = slots.map((slot) => (slot === "bad" ? undefined : slot));
    if (signingPems !== undefined) return { kind: "signingCertificates", primary, secondary };
    const [first, second] = (caReferences ?? []).map((name) => (name ? AuthorityName.parse(name) : undefined));
    return { kind: "caReferences", primary: first, secondary: second };
  }
}

function referred(held: AuthorityName | undefined, change: GroupSlotChange): AuthorityName | undefined {
  if (change.kind === "keep") return held;
  return change.kind === "refer" ? change.authority : undefined;
}

function recorded(group: Entry): EnrollmentGroup {
  return { ...group, record: "kept by the fake" };
}
