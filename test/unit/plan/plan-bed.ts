import type { z } from "zod";
import {
  createIntermediate,
  createRoot,
  issueLeaf,
  type CertificateAuthority,
  type LabCertificate,
} from "../../../lab/pki/certificates";
import { cronCalendar } from "../../../shared/adapters/calendar/cron-calendar";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { PaceWait, type Ticket } from "../../../shared/contract/pacing";
import { BATCHES_PER_PAGE } from "../../../shared/contract/plan";
import { DEFAULT_POLICY } from "../../../shared/domain/certificate/policy";
import { DeviceId, EnrollmentGroupId, RegistrationId, type RollId } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import type { ApprovalRule } from "../../../shared/domain/plan/make-plan";
import type { Allowance } from "../../../shared/domain/plan/pace";
import type { FrozenPlan } from "../../../shared/domain/plan/roll-plan";
import { ratesOf } from "../../../shared/domain/pacing/rates";
import type { HubSku } from "../../../shared/domain/pacing/quotas";
import type { Playbook } from "../../../shared/domain/roll/playbook";
import type { RollRequest, RollTarget } from "../../../shared/domain/roll/request";
import { createCutTargets } from "../../../shared/steps/cut-targets";
import { createEnterPhase } from "../../../shared/steps/enter-phase";
import { createExamineBatch } from "../../../shared/steps/examine-batch";
import { createFreezePlan } from "../../../shared/steps/freeze-plan";
import { createGatherTargets } from "../../../shared/steps/gather-targets";
import { createJudgeSuccessor } from "../../../shared/steps/judge-successor";
import { createOpenBatches } from "../../../shared/steps/open-batches";
import { createPlanExpiry } from "../../../shared/steps/plan-expiry";
import { documents } from "../../../shared/steps/roll-documents";
import { createSumExamined } from "../../../shared/steps/sum-examined";
import { rollId, t0 } from "../../support/builders";
import { MemoryAutoContainBudget } from "../../support/memory-auto-contain";
import { FakeAzure } from "../../support/fake-azure";
import { MemoryIssuanceStore, MemoryReplacementSource } from "../../support/memory-issuance";
import { MemoryLedger } from "../../support/memory-ledger";
import { MemoryBatchStore, MemoryFactStore, MemoryRollBlobs, MemoryRollStore } from "../../support/memory-stores";
import { MemoryTargetClaims } from "../../support/memory-target-claims";
import { HandClock } from "../steps/bed";

export const DAY = 86_400_000;
export const groupId = EnrollmentGroupId.parse("fleet");

export interface PlannedDevice {
  readonly registrationId: RegistrationId;
  readonly deviceId: DeviceId;
  readonly old: LabCertificate;
  readonly fresh: LabCertificate;
  readonly target: RollTarget;
}

/** What Azure was asked for; names ending like these change something there. */
const WRITES = /\.(put|delete|bulk|create|invoke|generate|verify|cancel)$/;

/** Everything a plan is made by, over stores and services in memory, called in the order of the orchestrators. */
export class PlanBed {
  readonly clock = new HandClock();
  readonly azure: FakeAzure;
  readonly root: CertificateAuthority;
  readonly newRoot: CertificateAuthority;
  readonly ica: CertificateAuthority;
  readonly rolls = new MemoryRollStore();
  readonly blobs = new MemoryRollBlobs();
  readonly facts = new MemoryFactStore();
  readonly targetClaims = new MemoryTargetClaims();
  readonly replacements = new MemoryReplacementSource(nodeCertificateReader);
  readonly batches: MemoryBatchStore;
  readonly steps;
  /** Writes that Azure was asked for, in order. */
  readonly writes: string[] = [];
  readonly timing = {
    ...{ pulseHoldMs: 200, settleMs: 500, pollMs: 1_000, recheckMs: 60_000, attemptMs: 10_000 },
    deadline: addMs(t0, 7 * DAY),
  };

  constructor(
    o: {
      hubNames?: readonly string[];
      sku?: HubSku;
      approvals?: ApprovalRule;
      hasIssuer?: boolean;
      allowance?: Partial<Allowance>;
    } = {},
  ) {
    const { clock, rolls, blobs, facts, targetClaims } = this;
    this.azure = new FakeAzure({ clock, ...(o.hubNames === undefined ? {} : { hubNames: o.hubNames }) });
    const long = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 3_650 * DAY) };
    this.root = createRoot({ commonName: "Fleet root", ...long });
    this.newRoot = createRoot({ commonName: "Fleet root 2", ...long });
    this.ica = createIntermediate({ commonName: "Fleet ICA", issuer: this.root, ...long });
    this.azure.addAuthority("fleet-root", this.root.certificatePem);
    this.azure.faults.observe(({ operation, subject }) => {
      if (WRITES.test(operation)) this.writes.push(`${operation} ${subject}`);
    });
    this.batches = new MemoryBatchStore(clock, 60_000);
    const { enrollments, groups, registrations, authorities, hubs } = this.azure;
    const quotas: Allowance = {
      dps: { operationsPerMinute: 1_000, registrationsPerMinute: 1_000 },
      hubs: new Map(hubs.hostNames.map((host) => [host, o.sku ?? { tier: "S1", units: 1 }])),
      headroom: 0.9,
      ...o.allowance,
    };
    const all = {
      ...{ clock, rolls, blobs, facts, targetClaims, batches: this.batches },
      ...{ enrollments, groups, registrations, authorities, hubs, quotas },
      ...{ entropy: nodeEntropy, certificates: nodeCertificateReader, policy: DEFAULT_POLICY, calendar: cronCalendar },
      waiter: { sleep: () => Promise.resolve() },
      ledger: new MemoryLedger(ratesOf(quotas.dps, quotas.hubs, quotas.headroom), clock),
      replacements: this.replacements,
      issuance: new MemoryIssuanceStore(),
      autoContain: new MemoryAutoContainBudget(1_000, clock),
      approvals: o.approvals ?? ("authorities" as const),
      hasIssuer: o.hasIssuer ?? false,
    };
    this.steps = {
      gatherTargets: createGatherTargets(all),
      cutTargets: createCutTargets(all),
      openBatches: createOpenBatches(all),
      enterPhase: createEnterPhase(all),
      planExpiry: createPlanExpiry(all),
      judgeSuccessor: createJudgeSuccessor(all),
      examineBatch: createExamineBatch(all),
      sumExamined: createSumExamined(all),
      freezePlan: createFreezePlan(all),
    };
  }

  /** `days`: how long it is valid still. */
  leaf(commonName: string, days: number, o: Partial<Parameters<typeof issueLeaf>[0]> = {}): LabCertificate {
    const validity = { notBefore: new Date(t0 - 30 * DAY), notAfter: new Date(t0 + days * DAY) };
    return issueLeaf({ commonName, issuer: this.root, ...validity, ...o });
  }

  /** Individually enrolled and registered; its leaf ends in ten days. */
  device(
    id: string,
    o: {
      fresh?: LabCertificate;
      target?: Partial<RollTarget>;
      enrollment?: Partial<Parameters<FakeAzure["addEnrollment"]>[0]>;
      hub?: string;
      days?: number;
    } = {},
  ): PlannedDevice {
    const old = this.leaf(id, o.days ?? 10);
    const fresh = o.fresh ?? this.leaf(id, 90);
    this.azure.addEnrollment({ registrationId: id, primaryPem: old.certificatePem, ...o.enrollment });
    this.azure.register(id, old.certificatePem, o.hub);
    const registrationId = RegistrationId.parse(id);
    const target: RollTarget = {
      registrationId,
      compromisedSlots: [],
      replacement: { kind: "inline", chainPem: fresh.chainPem },
      ...o.target,
    };
    return { registrationId, deviceId: DeviceId.parse(id), old, fresh, target };
  }

  /** Registered through the group `fleet` with a leaf of this CA. */
  member(id: string, issuer: CertificateAuthority = this.root): RegistrationId {
    if (!this.azure.register(id, this.leaf(id, 10, { issuer }).chainPem)) throw new Error(`DPS refused ${id}`);
    return RegistrationId.parse(id);
  }

  /** The group `fleet`, which refers to the old root. */
  group(more: Partial<Parameters<FakeAzure["addGroup"]>[0]> = {}): void {
    this.azure.addGroup({ groupId, caReferences: ["fleet-root"], ...more });
  }

  request(playbook: Playbook, targets: readonly RollTarget[], more: Partial<RollRequest> = {}): RollRequest {
    const about = { source: "api", alertId: "1", reason: "a test" } as const;
    return { playbook, ...about, requestedAt: this.clock.now(), targets: [...targets], timing: this.timing, ...more };
  }

  /** Opens the roll and looks at all of it, as the orchestrators do up to the frozen plan. */
  async plan(request: RollRequest, id: RollId = rollId): Promise<FrozenPlan> {
    this.writes.length = 0;
    const { playbook, source, alertId, reason, requestedAt, targets } = request;
    await this.blobs.putRequest(id, request);
    await this.rolls.create({
      ...{ rollId: id, playbook, source, alertId, reason, requestedAt },
      ...{ phase: "requested", devices: targets.length, batches: 0 },
    });
    const batches = await this.open(id);
    if (playbook === "individual-expiry")
      for (let batch = 0; batch < batches; batch += 1)
        await this.patiently((ticket) => this.steps.planExpiry({ rollId: id, batch, ticket }));
    if (request.group !== undefined) await this.steps.judgeSuccessor({ rollId: id });
    await this.examine(id, batches);
    await this.steps.freezePlan({ rollId: id, batches });
    const plan = await this.blobs.findDocument(id, documents.plan);
    if (plan === undefined) throw new Error("no plan");
    return plan;
  }

  async open(id: RollId): Promise<number> {
    let [part, cursor]: [number, string | undefined] = [0, undefined];
    do {
      const page = await this.steps.gatherTargets({ rollId: id, part, ...(cursor === undefined ? {} : { cursor }) });
      cursor = page.next;
      part += 1;
    } while (cursor !== undefined);
    const { batches } = await this.steps.cutTargets({ rollId: id, parts: part });
    for (let from: number | undefined = 0; from !== undefined;)
      from = (await this.steps.openBatches({ rollId: id, from, batches })).next;
    return batches;
  }

  /** Waits as often as the step says, as the orchestrations do. */
  private async patiently(
    step: (ticket: Ticket | undefined) => Promise<{ readonly wait?: z.input<typeof PaceWait> | undefined }>,
  ): Promise<void> {
    for (let wait: PaceWait | undefined, asked = 0; asked === 0 || wait !== undefined; asked += 1) {
      if (wait !== undefined) this.clock.pass(Math.max(0, wait.until - this.clock.now()));
      const answer = await step(wait?.ticket);
      wait = answer.wait === undefined ? undefined : PaceWait.parse(answer.wait);
    }
  }

  async examine(id: RollId, batches: number): Promise<void> {
    for (let batch = 0; batch < batches; batch += 1)
      await this.patiently((ticket) => this.steps.examineBatch({ rollId: id, batch, ticket }));
    for (let page = 0; page * BATCHES_PER_PAGE < batches; page += 1)
      await this.steps.sumExamined({ rollId: id, page, batches });
  }
}

/** The codes of a tally, each with its count. */
export function counts(
  tallies: readonly { readonly code: string; readonly devices: number }[],
): Record<string, number> {
  return Object.fromEntries(tallies.map(({ code, devices }) => [code, devices]));
}

export function codes(refusals: readonly { readonly code: string }[]): string[] {
  return refusals.map(({ code }) => code);
}
