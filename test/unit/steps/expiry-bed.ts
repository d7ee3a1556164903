import { sign } from "node:crypto";
import { z } from "zod";
import { createRoot, issueLeaf, type CertificateAuthority, type LabCertificate } from "../../../lab/pki/certificates";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { cronCalendar } from "../../../shared/adapters/calendar/cron-calendar";
import { RollReport, signedText } from "../../../shared/contract/device-messages";
import { DEFAULT_POLICY } from "../../../shared/domain/certificate/policy";
import { DEFAULT_PROFILE } from "../../../shared/domain/certificate/profile";
import { DeviceId, RegistrationId, type RollId } from "../../../shared/domain/ids";
import { addMs, formatInstant } from "../../../shared/domain/instant";
import { ratesOf } from "../../../shared/domain/pacing/rates";
import { control, newControl, type ControlVerb } from "../../../shared/domain/roll/control";
import { deviceState, type DeviceState } from "../../../shared/domain/roll/device-state";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import type { RollRequest, RollTarget } from "../../../shared/domain/roll/request";
import type { Issuance } from "../../../shared/ports/issuers";
import { createCutTargets } from "../../../shared/steps/cut-targets";
import { createDispatchBatch } from "../../../shared/steps/dispatch-batch";
import { createSettleDue } from "../../../shared/steps/due-work";
import { createEnterPhase } from "../../../shared/steps/enter-phase";
import { createGatherTargets } from "../../../shared/steps/gather-targets";
import { createOpenBatches } from "../../../shared/steps/open-batches";
import { createPlanExpiry } from "../../../shared/steps/plan-expiry";
import { createProveChange } from "../../../shared/steps/prove-change";
import { createReadCourse } from "../../../shared/steps/read-course";
import { createRequestCsrs } from "../../../shared/steps/request-csrs";
import { createRetireBatch } from "../../../shared/steps/retire-batch";
import { createCloseRoll, createReleaseClaims } from "../../../shared/steps/roll-milestones";
import { createStageBatch } from "../../../shared/steps/stage-batch";
import { createBrakeRoll, createDueBatches, createReadWave, createWeigh } from "../../../shared/steps/wave-steps";
import type { StreamEvent } from "../../../shared/ports/event-stream";
import { createIngestEvents } from "../../../shared/use-cases/ingest-events";
import { rollId, t0 } from "../../support/builders";
import { FakeAzure } from "../../support/fake-azure";
import { MemoryAutoContainBudget } from "../../support/memory-auto-contain";
import { MemoryControlStore } from "../../support/memory-control";
import { MemoryDueRows } from "../../support/memory-due-rows";
import { MemoryIssuanceStore, MemoryReplacementSource } from "../../support/memory-issuance";
import { MemoryLedger } from "../../support/memory-ledger";
import {
  MemoryBatchStore,
  MemoryFactStore,
  MemoryPoisonStore,
  MemoryRollBlobs,
  MemoryRollStore,
} from "../../support/memory-stores";
import { MemoryTargetClaims } from "../../support/memory-target-claims";
import { FragileBatches, HandClock } from "./bed";

const DAY = 86_400_000;
const MINUTE = 60_000;

const Order = RollReport.pick({ rollId: true, attemptId: true, nonce: true }).extend({
  chainPem: z.string().optional(),
  spreadSeconds: z.number(),
  deadline: z.iso.datetime(),
  reason: z.string(),
});
export type Order = z.infer<typeof Order>;

/** A device whose leaf ends in ten days, and the leaf that is to follow. */
export interface ExpiryDevice {
  readonly registrationId: RegistrationId;
  readonly deviceId: DeviceId;
  readonly old: LabCertificate;
  readonly fresh: LabCertificate;
  readonly target: RollTarget;
}

/** All steps of an expiry roll over stores and services in memory, in the order in which the orchestrators call them. */
export class ExpiryBed {
  readonly clock = new HandClock();
  readonly azure: FakeAzure;
  readonly root: CertificateAuthority;
  readonly targetClaims = new MemoryTargetClaims();
  readonly rolls = new MemoryRollStore();
  readonly blobs = new MemoryRollBlobs();
  readonly facts = new MemoryFactStore();
  readonly poison = new MemoryPoisonStore();
  readonly control = new MemoryControlStore();
  readonly replacements = new MemoryReplacementSource(nodeCertificateReader);
  readonly due = new MemoryDueRows();
  readonly batches: FragileBatches;
  readonly steps;
  /** What the issuer answers, per registration id; a device that is not in it is refused. */
  readonly issues = new Map<RegistrationId, () => Issuance>();
  readonly issued: string[] = [];
  readonly timing = {
    pulseHoldMs: 200,
    settleMs: 500,
    pollMs: 1_000,
    recheckMs: MINUTE,
    attemptMs: 10 * MINUTE,
    retryMs: [5 * MINUTE, 60 * MINUTE],
    deadline: addMs(t0, 7 * DAY),
  };
  readonly ledger: MemoryLedger;
  private sequence = 0;

  constructor(o: { hubNames?: readonly string[] } = {}) {
    const { clock } = this;
    this.azure = new FakeAzure({ clock, ...o });
    const validity = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 3_650 * DAY) };
    this.root = createRoot({ commonName: "Fleet root", ...validity });
    this.azure.addAuthority("fleet-root", this.root.certificatePem);
    this.batches = new FragileBatches(new MemoryBatchStore(clock, MINUTE));
    const { enrollments, groups, registrations, authorities, hubs } = this.azure;
    const sizes = new Map(hubs.hostNames.map((host) => [host, { tier: "S1" as const, units: 10 }]));
    const rates = ratesOf({ operationsPerMinute: 100_000, registrationsPerMinute: 100_000 }, sizes, 1);
    this.ledger = new MemoryLedger(rates, clock);
    const { targetClaims, rolls, blobs, facts, batches, control, replacements, ledger } = this;
    const all = {
      ...{ clock, waiter: { sleep: () => Promise.resolve() }, entropy: nodeEntropy, calendar: cronCalendar },
      ...{ certificates: nodeCertificateReader, policy: DEFAULT_POLICY, profile: DEFAULT_PROFILE },
      ...{ enrollments, groups, registrations, authorities, hubs },
      ...{ targetClaims, rolls, blobs, facts, batches, control, replacements, ledger },
      due: this.due,
      autoContain: new MemoryAutoContainBudget(1_000, clock),
      issuance: new MemoryIssuanceStore(),
      issuer: {
        issue: async ({ registrationId }: { registrationId: RegistrationId }): Promise<Issuance> => {
          this.issued.push(registrationId);
          const answer = this.issues.get(registrationId)?.();
          if (answer === undefined) return { outcome: "refused", refusal: { code: "no-issuer", detail: "none" } };
          if (answer.outcome === "issued") await replacements.keep(rollId, registrationId, answer.chainPem);
          return answer;
        },
      },
    };
    this.steps = {
      gatherTargets: createGatherTargets(all),
      cutTargets: createCutTargets(all),
      openBatches: createOpenBatches(all),
      enterPhase: createEnterPhase(all),
      readCourse: createReadCourse(all),
      planExpiry: createPlanExpiry(all),
      requestCsrs: createRequestCsrs(all),
      stageBatch: createStageBatch(all),
      dispatchBatch: createDispatchBatch(all),
      proveChange: createProveChange(all),
      retireBatch: createRetireBatch(all),
      readWave: createReadWave(all),
      dueBatches: createDueBatches(all),
      weigh: createWeigh(all),
      brakeRoll: createBrakeRoll(all),
      closeRoll: createCloseRoll(all),
      releaseClaims: createReleaseClaims(all),
      settleDue: createSettleDue(all),
    };
  }

  get at(): { readonly rollId: RollId; readonly batch: number } {
    return { rollId, batch: 0 };
  }

  /** `days`: how long it is valid still; negative: since when it is over. */
  leaf(commonName: string, days: number, o: Partial<Parameters<typeof issueLeaf>[0]> = {}): LabCertificate {
    const validity = { notBefore: new Date(t0 - 30 * DAY), notAfter: new Date(t0 + days * DAY) };
    return issueLeaf({ commonName, issuer: this.root, ...validity, ...o });
  }

  /** Enrolled in the primary slot, unless told otherwise, and registered; online, and does what it is told. */
  device(
    id: string,
    o: {
      old?: LabCertificate;
      fresh?: LabCertificate;
      /** Stands in the slot that the old leaf is not in. */
      other?: LabCertificate;
      oldSlot?: "primary" | "secondary";
      replacement?: RollTarget["replacement"];
      registered?: boolean;
      tag?: string;
      enrollment?: Partial<Parameters<FakeAzure["addEnrollment"]>[0]>;
    } = {},
  ): ExpiryDevice {
    const registrationId = RegistrationId.parse(id);
    const deviceId = DeviceId.parse(id);
    const old = o.old ?? this.leaf(id, 10);
    const fresh = o.fresh ?? this.leaf(id, 90);
    const [held, other] = [old.certificatePem, o.other?.certificatePem];
    const slots =
      o.oldSlot === "secondary"
        ? { secondaryPem: held, ...(other === undefined ? {} : { primaryPem: other }) }
        : { primaryPem: held, ...(other === undefined ? {} : { secondaryPem: other }) };
    this.azure.addEnrollment({ registrationId: id, ...slots, ...o.enrollment });
    if (o.registered ?? true) this.azure.register(id, old.certificatePem);
    const replacement = o.replacement ?? { kind: "inline", chainPem: fresh.chainPem };
    const target: RollTarget = {
      registrationId,
      compromisedSlots: [],
      replacement,
      ...(o.tag === undefined ? {} : { tag: o.tag }),
    };
    const device = { registrationId, deviceId, old, fresh, target };
    this.online(device);
    return device;
  }

  /** Connected, answering every method alike. */
  online(device: ExpiryDevice, answer: { status: number; payload: unknown } = { status: 202, payload: {} }): void {
    for (const host of this.azure.hubs.hostNames) this.azure.hub(host).connect(device.deviceId, () => answer);
  }

  offline(device: ExpiryDevice): void {
    for (const host of this.azure.hubs.hostNames) this.azure.hub(host).connect(device.deviceId, undefined);
  }

  /** The roll as the order leaves it, opened. */
  async open(devices: readonly ExpiryDevice[], more: Partial<RollRequest> = {}): Promise<void> {
    const targets = devices.map(({ target }) => target);
    const about = { playbook: "individual-expiry", source: "api", alertId: "1", reason: "runs out" } as const;
    const requestedAt = this.clock.now();
    const request: RollRequest = { ...about, requestedAt, targets, timing: this.timing, ...more };
    await this.blobs.putRequest(rollId, request);
    await this.rolls.open(rollId, requestedAt);
    await this.rolls.create({ rollId, ...about, phase: "requested", requestedAt, devices: targets.length, batches: 1 });
    await this.control.create(newControl(rollId, request.times ?? { windows: [], freezes: [] }));
    await this.steps.gatherTargets({ rollId, part: 0 });
    const { batches } = await this.steps.cutTargets({ rollId, parts: 1 });
    await this.steps.openBatches({ rollId, from: 0, batches });
    this.clock.pass(10);
  }

  async plan(): ReturnType<ExpiryBed["steps"]["planExpiry"]> {
    return this.steps.planExpiry(this.at);
  }

  /** Opened, planned, staged and told. */
  async dispatch(devices: readonly ExpiryDevice[], more: Partial<RollRequest> = {}): Promise<void> {
    await this.open(devices, more);
    await this.plan();
    await this.pass();
  }

  /** One pass over the batch, without waiting in it. */
  async pass(): Promise<void> {
    await this.steps.stageBatch(this.at);
    this.clock.pass(10);
    await this.steps.proveChange(this.at);
    await this.steps.dispatchBatch(this.at);
    this.clock.pass(10);
    await this.steps.proveChange(this.at);
  }

  async say(verb: Exclude<ControlVerb, "approve">): Promise<void> {
    this.sequence += 1;
    const command = { verb, commandId: `c${this.sequence}`, by: "operator", at: this.clock.now() };
    await this.control.change(rollId, (current) => control(current, command, { phase: "rolling", finished: false }));
  }

  /** The methods that reached the device, by name. */
  told(device: ExpiryDevice, method?: string): readonly { methodName: string; payload: unknown }[] {
    return this.azure.hubs.hostNames
      .flatMap((host) => this.azure.hub(host).methodCalls)
      .filter(({ deviceId, methodName }) => deviceId === device.deviceId && (method ?? methodName) === methodName);
  }

  lastOrder(device: ExpiryDevice): Order {
    return Order.parse(this.told(device, "reprovision").at(-1)?.payload);
  }

  /** The device does what the last order says: registers with the new leaf, connects, reports. */
  async obey(device: ExpiryDevice, o: { leaf?: LabCertificate; order?: Order; hub?: string } = {}): Promise<void> {
    const leaf = o.leaf ?? device.fresh;
    this.clock.pass(10);
    if (!this.azure.register(device.registrationId, leaf.certificatePem, o.hub))
      throw new Error("DPS refused the leaf");
    await this.report(device, { ...o, leaf });
  }

  async report(
    device: ExpiryDevice,
    o: { leaf?: LabCertificate; order?: Order; phase?: string; error?: string; authentication?: string } = {},
  ): Promise<void> {
    const leaf = o.leaf ?? device.fresh;
    const { rollId: id, attemptId, nonce } = o.order ?? this.lastOrder(device);
    const asked = { rollId: id, attemptId, nonce };
    const signature = sign("sha256", Buffer.from(signedText(asked, device.deviceId)), leaf.privateKeyPem);
    const body = {
      ...asked,
      phase: o.phase ?? "connected",
      chainPem: leaf.chainPem,
      sha256Thumbprint: leaf.sha256Thumbprint,
      signature: signature.toString("base64"),
      ...(o.error === undefined ? {} : { error: o.error }),
    };
    await this.hear(device, JSON.stringify(body), { messageType: "rollReport" }, o.authentication);
  }

  async heartbeat(device: ExpiryDevice, leaf: LabCertificate): Promise<void> {
    await this.hear(device, "", { messageType: "heartbeat", certThumbprint: leaf.sha256Thumbprint });
  }

  async row({ registrationId }: Pick<ExpiryDevice, "registrationId">): Promise<DeviceRow> {
    const roll = await this.rolls.get(rollId);
    for (let batch = 0; batch < (roll?.batches ?? 0); batch += 1) {
      const found = (await this.batches.read(rollId, batch)).rows.find((one) => one.registrationId === registrationId);
      if (found !== undefined) return found;
    }
    throw new Error(`no row for ${registrationId}`);
  }

  async state(device: ExpiryDevice): Promise<DeviceState> {
    return deviceState(await this.row(device));
  }

  slots({ registrationId }: ExpiryDevice): readonly [string | undefined, string | undefined] {
    const entry = this.azure.dps.entry(registrationId);
    return [entry?.primary?.sha256Thumbprint, entry?.secondary?.sha256Thumbprint];
  }

  /** The text of all journal lines, in order. */
  async journal(): Promise<string[]> {
    const entries = await this.batches.readJournal(rollId, 0);
    return entries.flatMap(({ step, kind, entries: lines }) =>
      lines.map((line) => `${step} ${kind} ${line.registrationId} ${line.action} ${line.result ?? ""}`),
    );
  }

  private async hear(
    { deviceId }: ExpiryDevice,
    body: string,
    properties: Record<string, unknown>,
    type = "x509Certificate",
  ): Promise<void> {
    this.clock.pass(10);
    this.sequence += 1;
    const event: StreamEvent = {
      body: Buffer.from(body),
      properties,
      systemProperties: {
        "iothub-connection-device-id": deviceId,
        "iothub-connection-auth-method": JSON.stringify({ scope: "device", type }),
        "iothub-enqueuedtime": formatInstant(this.clock.now()),
        "iothub-message-source": "Telemetry",
      },
      ...{ partition: "0", sequenceNumber: this.sequence, offset: String(this.sequence), enqueuedAt: this.clock.now() },
    };
    const { clock, facts, poison } = this;
    await createIngestEvents({ clock, certificates: nodeCertificateReader, facts, poison })("hub", [event]);
    this.clock.pass(10);
  }
}
