import { createIntermediate, createRoot, issueLeaf, type CertificateAuthority } from "../../../lab/pki/certificates";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { DEFAULT_POLICY } from "../../../shared/domain/certificate/policy";
import { AuthorityName, EnrollmentGroupId, RegistrationId, Sha256Thumbprint } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import { newControl } from "../../../shared/domain/roll/control";
import { inOrderOfTime } from "../../../shared/domain/roll/journal";
import type { RollTrust } from "../../../shared/domain/authority/roll-trust";
import type { GroupScope, RollRequest } from "../../../shared/domain/roll/request";
import type { PossessionProver } from "../../../shared/ports/issuers";
import { createCountLeaning } from "../../../shared/steps/count-leaning";
import { createDeleteAuthority } from "../../../shared/steps/delete-authority";
import { createDropAuthority } from "../../../shared/steps/drop-authority";
import { createJudgeSuccessor } from "../../../shared/steps/judge-successor";
import { createProvePossession } from "../../../shared/steps/prove-possession";
import { createReplaceAuthority } from "../../../shared/steps/replace-authority";
import { createStageAuthority } from "../../../shared/steps/stage-authority";
import { createSurveyRegistrations } from "../../../shared/steps/survey-registrations";
import { createSubmitPossession } from "../../../shared/use-cases/submit-possession";
import { rollId, t0 } from "../../support/builders";
import { FakeAzure } from "../../support/fake-azure";
import { MemoryControlStore } from "../../support/memory-control";
import { MemoryRollJournal } from "../../support/memory-journal";
import { MemoryRollBlobs, MemoryRollStore } from "../../support/memory-stores";
import { MemoryTargetClaims } from "../../support/memory-target-claims";
import { HandClock, validity } from "./bed";

export type Family = "caReferences" | "signingCertificates";
export type Role = "root" | "intermediate";

const YEARS = { ...validity, notAfter: new Date(t0 + 3_650 * 86_400_000) };
/** Authorities are slow to make and nobody changes them. */
const root = (commonName: string): CertificateAuthority => createRoot({ commonName, ...YEARS });
const pki = {
  oldRoot: root("Fleet root"),
  newRoot: root("Fleet root 2"),
  anchor: root("Anchor"),
};
const ica = (commonName: string): CertificateAuthority =>
  createIntermediate({ commonName, issuer: pki.anchor, ...YEARS, notAfter: new Date(t0 + 3_000 * 86_400_000) });
const icas = { old: ica("Fleet ICA"), next: ica("Fleet ICA 2") };

/** The steps of a CA roll over DPS in memory: a group `fleet` that trusts an old CA, and a new CA of the same role. */
export class AuthorityBed {
  readonly clock = new HandClock();
  readonly azure = new FakeAzure({ clock: this.clock });
  readonly blobs = new MemoryRollBlobs();
  readonly rolls = new MemoryRollStore();
  readonly journal = new MemoryRollJournal();
  readonly control = new MemoryControlStore();
  readonly targetClaims = new MemoryTargetClaims();
  readonly groupId = EnrollmentGroupId.parse("fleet");
  readonly old: CertificateAuthority;
  readonly next: CertificateAuthority;
  readonly anchor = pki.anchor;
  /** Whether the app has the new CA's key. */
  hasKey = true;
  readonly steps;
  readonly submitPossession;

  constructor(
    readonly family: Family,
    readonly role: Role,
  ) {
    this.old = role === "root" ? pki.oldRoot : icas.old;
    this.next = role === "root" ? pki.newRoot : icas.next;
    const { azure, blobs, rolls, journal, control, targetClaims } = this;
    // Time passes between two looks at the clock, so that the journal has an order.
    const clock = { now: () => (this.clock.pass(1), this.clock.now()) };
    const { enrollments, groups, registrations, authorities } = azure;
    const certificates = nodeCertificateReader;
    const prover: PossessionProver = {
      sign: (thumbprint, code) =>
        Promise.resolve(
          this.hasKey && thumbprint === this.next.sha256Thumbprint
            ? { outcome: "signed", certificatePem: this.proof(code) }
            : { outcome: "no-signer" },
        ),
    };
    const stores = { blobs, rolls, journal, control, targetClaims };
    const all = { ...stores, clock, certificates, policy: DEFAULT_POLICY, prover };
    const deps = { ...all, enrollments, groups, registrations, authorities };
    this.steps = {
      judge: createJudgeSuccessor(deps),
      prove: createProvePossession(deps),
      stage: createStageAuthority(deps),
      replace: createReplaceAuthority(deps),
      survey: createSurveyRegistrations(deps),
      drop: createDropAuthority(deps),
      count: createCountLeaning(deps),
      delete: createDeleteAuthority(deps),
    };
    this.submitPossession = createSubmitPossession(deps);
    // What intermediates hang on, and what a root of the group's own needs in order to let anybody in.
    if (role === "intermediate") azure.addAuthority("anchor", pki.anchor.certificatePem);
    if (role === "root" || family === "caReferences") azure.addAuthority("old-ca", this.old.certificatePem);
  }

  /** A verification certificate over the code, by the key of the new CA or another one. */
  proof(code: string, by: CertificateAuthority = this.next): string {
    return issueLeaf({ commonName: code, issuer: by, ...validity }).certificatePem;
  }

  /** The group holds the old CA in this slot, and nothing or `beside` in the other. */
  addGroup(slot: "primary" | "secondary" = "primary", beside?: string): void {
    const references = this.family === "caReferences";
    const mine = references ? "old-ca" : this.old.certificatePem;
    const slots: [string, string] = slot === "primary" ? [mine, beside ?? ""] : [beside ?? "", mine];
    this.azure.addGroup({ groupId: "fleet", ...(references ? { caReferences: slots } : { signingPems: slots }) });
  }

  /** A roll of this CA as the door leaves it. */
  async ask(o: Partial<RollRequest> & { scope?: Partial<GroupScope> } = {}): Promise<void> {
    const { scope, ...request } = o;
    const about = { playbook: "group-expiry", source: "api", alertId: "1", reason: "runs out", ...request } as const;
    const requestedAt = this.clock.now();
    const group: GroupScope = {
      groupId: "Fleet",
      authority: this.role,
      successor: { name: "new-ca", chainPem: this.next.certificatePem },
      ...scope,
    };
    const timing = {
      ...{ pulseHoldMs: 200, settleMs: 500, pollMs: 1_000, recheckMs: 60_000, attemptMs: 10_000 },
      deadline: addMs(t0, 3_600_000),
    };
    await this.blobs.putRequest(rollId, { ...about, requestedAt, targets: [], group, timing });
    const { playbook, source, alertId, reason } = about;
    const header = { rollId, playbook, source, alertId, reason, requestedAt, devices: 0, batches: 0 };
    await this.rolls.create({ ...header, phase: "requested" });
    await this.control.create(newControl(rollId, { windows: [], freezes: [] }));
  }

  judge = () => this.steps.judge({ rollId });
  prove = () => this.steps.prove({ rollId });
  stage = () => this.steps.stage({ rollId });
  replace = () => this.steps.replace({ rollId });
  survey = () => this.steps.survey({ rollId });
  drop = () => this.steps.drop({ rollId });
  count = async () => (await this.steps.count({ rollId })).found;
  delete = async () => this.steps.delete({ rollId, leaning: await this.count() });

  /** Until the new CA stands beside the old one. */
  async stageAll(): Promise<void> {
    expect(await this.judge()).toMatchObject({ outcome: "ready" });
    expect(await this.prove()).toEqual({ state: "verified" });
    expect(await this.stage()).toEqual({ outcome: "done" });
  }

  /** The group's slots, each as `old`, `new`, `anchor`, `-` or what it is called. */
  slots(groupId = "fleet"): string {
    const held = this.azure.fakeGroups.group(groupId)?.attestation;
    if (held === undefined || held.kind === "other") return "none";
    return [held.primary, held.secondary]
      .map((slot) => (typeof slot === "object" ? slot.sha256Thumbprint : slot))
      .map((name) => (name === undefined ? "-" : this.wordFor(name)))
      .join(" ");
  }

  private wordFor(name: string): string {
    if (name === "old-ca" || name === this.old.sha256Thumbprint) return "old";
    if (name === "new-ca" || name === this.next.sha256Thumbprint) return "new";
    return name;
  }

  /** True if a device with a leaf of this CA gets in now. */
  letsIn(by: CertificateAuthority, id = "pump-1"): boolean {
    const leaf = issueLeaf({ commonName: id, issuer: by, ...validity });
    return this.azure.startRegistration(id, leaf.chainPem).accepted;
  }

  /** A device of the group with a leaf of this CA; claimed by the roll unless it comes later. */
  async member(id: string, by: CertificateAuthority, o: { claimed?: boolean } = {}): Promise<void> {
    const leaf = issueLeaf({ commonName: id, issuer: by, ...validity });
    expect(this.azure.register(id, leaf.chainPem)).toBe(true);
    if (o.claimed !== false)
      await this.targetClaims.claim({ rollId, priority: 0, batch: 0 }, "device", [{ id: RegistrationId.parse(id) }]);
  }

  async trust(): Promise<RollTrust> {
    const roll = await this.rolls.get(rollId);
    return roll?.trust ?? { old: [], warnings: [] };
  }

  /** What the journal says was asked and answered, in order. */
  async journalled(): Promise<string[]> {
    const { entries } = await this.journal.read(rollId, { limit: 1_000 });
    return inOrderOfTime(entries).map(
      ({ kind, target, action, result }) => `${kind} ${target} ${action}${result === undefined ? "" : ` ${result}`}`,
    );
  }

  thumbprint(of: CertificateAuthority): Sha256Thumbprint {
    return Sha256Thumbprint.parse(of.sha256Thumbprint);
  }

  hasCa(name: string): boolean {
    return this.azure.fakeAuthorities.has(AuthorityName.parse(name));
  }
}
