import { control, newControl, type ControlVerb } from "../../../shared/domain/roll/control";
import { MemoryControlStore } from "../../support/memory-control";
import { sign } from "node:crypto";
import { createRoot, issueLeaf, type CertificateAuthority, type LabCertificate } from "../../../lab/pki/certificates";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { createDecoys } from "../../../shared/adapters/x509/decoy-certificates";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import type { HubSku } from "../../../shared/domain/pacing/quotas";
import { ratesOf } from "../../../shared/domain/pacing/rates";
import { RollReport, signedText } from "../../../shared/contract/device-messages";
import { DEFAULT_POLICY } from "../../../shared/domain/certificate/policy";
import { DeviceId, RegistrationId, type HubHostName, type RollId } from "../../../shared/domain/ids";
import { addMs, formatInstant, type Instant } from "../../../shared/domain/instant";
import { deviceState, type DeviceState } from "../../../shared/domain/roll/device-state";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import type { RollRequest, RollTarget } from "../../../shared/domain/roll/request";
import type { Clock } from "../../../shared/ports/clock";
import type { BatchStore, CheckedOutBatch } from "../../../shared/ports/stores";
import { createAdmitHeldBack } from "../../../shared/steps/admit-held-back";
import { createCloseAtDps } from "../../../shared/steps/close-at-dps";
import { createCloseGroup } from "../../../shared/steps/close-group";
import { createCloseReach } from "../../../shared/steps/close-reach";
import { createConfirmContained, createRecheckContained } from "../../../shared/steps/confirm-contained";
import {
  createCountBatches,
  createReclaimBatch,
  createReleaseBatch,
  createSettleDue,
} from "../../../shared/steps/due-work";
import { createCutOthers, createHoldOthers } from "../../../shared/steps/cut-others";
import { createGatherOthers } from "../../../shared/steps/gather-others";
import { createBeginExamination, createNoteExamination } from "../../../shared/steps/note-examination";
import { createTakeInventory } from "../../../shared/steps/inventory/take-inventory";
import { createHoldAtHub } from "../../../shared/steps/hold-at-hub";
import { createCutTargets } from "../../../shared/steps/cut-targets";
import { createEnterPhase } from "../../../shared/steps/enter-phase";
import { createGatherTargets } from "../../../shared/steps/gather-targets";
import { createOpenBatches } from "../../../shared/steps/open-batches";
import { createProveBatch } from "../../../shared/steps/prove-batch";
import { createReleaseHold } from "../../../shared/steps/release-hold";
import {
  createCloseRoll,
  createListWaiting,
  createNoteContained,
  createReleaseClaims,
} from "../../../shared/steps/roll-milestones";
import { createTreatModules } from "../../../shared/steps/treat-modules";
import { createTellToMove } from "../../../shared/steps/tell-to-move";
import type { StreamEvent } from "../../../shared/ports/event-stream";
import { createIngestEvents } from "../../../shared/use-cases/ingest-events";
import { rollId, t0 } from "../../support/builders";
import { FakeAzure } from "../../support/fake-azure";
import type { FakeHub } from "../../support/fake-hub";
import { MemoryAutoContainBudget } from "../../support/memory-auto-contain";
import { MemoryDueRows } from "../../support/memory-due-rows";
import { MemoryTargetClaims } from "../../support/memory-target-claims";
import { MemoryLedger } from "../../support/memory-ledger";
import { MemoryDenyLedger } from "../../support/memory-deny-ledger";
import { MemoryInventoryStore } from "../../support/memory-inventory";
import { MemoryIssuanceStore, MemoryReplacementSource } from "../../support/memory-issuance";
import { MemoryRollJournal } from "../../support/memory-journal";
import {
  MemoryBatchStore,
  MemoryFactStore,
  MemoryPoisonStore,
  MemoryRollBlobs,
  MemoryRollStore,
} from "../../support/memory-stores";

const DAY = 86_400_000;
export const validity = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 90 * DAY) };

/** What a device reads from the command. */
const Asked = RollReport.pick({ rollId: true, attemptId: true, nonce: true });

/** A device with the leaf that leaked, and the one that is to replace it. */
export interface BedDevice {
  readonly registrationId: RegistrationId;
  readonly deviceId: DeviceId;
  readonly old: LabCertificate;
  readonly fresh: LabCertificate;
  readonly target: RollTarget;
}

/** A clock that stands still until it is told to go on. */
export class HandClock implements Clock {
  private at: Instant = t0;
  now(): Instant {
    return this.at;
  }
  pass(ms: number): void {
    this.at = addMs(this.at, ms);
  }
}

/** Ends a step between its external writes and the row write that would record them, as often as it is told to. */
export class FragileBatches implements BatchStore {
  killSettles = 0;
  constructor(private readonly inner: MemoryBatchStore) {}
  create: BatchStore["create"] = (...at) => this.inner.create(...at);
  find: BatchStore["find"] = (...at) => this.inner.find(...at);
  read: BatchStore["read"] = (...at) => this.inner.read(...at);
  readJournal: BatchStore["readJournal"] = (...at) => this.inner.readJournal(...at);
  async checkOut(...at: Parameters<BatchStore["checkOut"]>): ReturnType<BatchStore["checkOut"]> {
    const out = await this.inner.checkOut(...at);
    if (out.outcome === "busy") return out;
    const { batch } = out;
    const fragile: CheckedOutBatch = {
      rows: batch.rows,
      intend: (...what) => batch.intend(...what),
      settle: async (...what) => {
        if (this.killSettles > 0) {
          this.killSettles -= 1;
          throw new Error("killed");
        }
        await batch.settle(...what);
      },
    };
    return { outcome: "checked-out", batch: fragile };
  }
}

/** All steps of the playbook over stores and services in memory, in the order in which the orchestrator calls them. */
export class Bed {
  readonly clock = new HandClock();
  readonly azure: FakeAzure;
  readonly root: CertificateAuthority;
  readonly due = new MemoryDueRows();
  readonly targetClaims = new MemoryTargetClaims();
  readonly autoContain: MemoryAutoContainBudget;
  readonly rolls = new MemoryRollStore();
  readonly blobs = new MemoryRollBlobs();
  readonly facts = new MemoryFactStore();
  readonly poison = new MemoryPoisonStore();
  readonly issuance = new MemoryIssuanceStore();
  readonly denyLedger = new MemoryDenyLedger();
  readonly replacements = new MemoryReplacementSource(nodeCertificateReader);
  readonly rollJournal = new MemoryRollJournal();
  readonly inventories = new MemoryInventoryStore();
  readonly control = new MemoryControlStore();
  readonly batches: FragileBatches;
  readonly steps;
  /** What steps are made with, for those that only some tests need. */
  readonly parts;
  readonly timing = {
    pulseHoldMs: 200,
    settleMs: 500,
    pollMs: 1_000,
    recheckMs: 60_000,
    attemptMs: 10_000,
    deadline: addMs(t0, 3_600_000),
  };
  readonly ledger: MemoryLedger;
  private sequence = 0;

  constructor(
    o: {
      hubNames?: readonly string[];
      pinBlocksOldLeaf?: "verified" | "unverified";
      autoContainPerHour?: number;
      /** What each hub is; default so large that no quota matters. */
      sku?: HubSku;
    } = {},
  ) {
    this.autoContain = new MemoryAutoContainBudget(o.autoContainPerHour ?? 1_000, this.clock);
    this.azure = new FakeAzure({
      clock: this.clock,
      ...(o.hubNames === undefined ? {} : { hubNames: o.hubNames }),
    });
    this.root = createRoot({ commonName: "Fleet root", ...validity, notAfter: new Date(t0 + 3_650 * DAY) });
    this.azure.addAuthority("fleet-root", this.root.certificatePem);
    this.batches = new FragileBatches(new MemoryBatchStore(this.clock, 60_000));
    const { enrollments, groups, registrations, authorities, hubs } = this.azure;
    const { clock, due, autoContain, targetClaims, rolls, blobs, facts, batches, rollJournal: journal, control } = this;
    const azure = { enrollments, groups, registrations, authorities, hubs };
    const deps = { clock, entropy: nodeEntropy, certificates: nodeCertificateReader, policy: DEFAULT_POLICY };
    const decoys = createDecoys(clock, nodeEntropy);
    const issuance = this.issuance;
    const pins = {
      issuance,
      decoys,
      denyLedger: this.denyLedger,
      pinBlocksOldLeaf: o.pinBlocksOldLeaf ?? "unverified",
    } as const;
    this.ledger = new MemoryLedger(this.rates(o.sku), clock);
    const pacing = { waiter: { sleep: () => Promise.resolve() }, ledger: this.ledger };
    const all = {
      ...deps,
      ...azure,
      ...pins,
      ...pacing,
      replacements: this.replacements,
      due,
      autoContain,
      targetClaims,
      rolls,
      blobs,
      facts,
      batches,
      journal,
      inventories: this.inventories,
      exports: this.azure.blobs,
      control,
    };
    this.parts = all;
    this.steps = {
      gatherTargets: createGatherTargets(all),
      cutTargets: createCutTargets(all),
      openBatches: createOpenBatches(all),
      admitHeldBack: createAdmitHeldBack(all),
      enterPhase: createEnterPhase(all),
      closeAtDps: createCloseAtDps(all),
      tellToMove: createTellToMove(all),
      holdAtHub: createHoldAtHub(all),
      releaseHold: createReleaseHold(all),
      confirmContained: createConfirmContained(all),
      recheckContained: createRecheckContained(all),
      treatModules: createTreatModules(all),
      gatherOthers: createGatherOthers(all),
      cutOthers: createCutOthers(all),
      holdOthers: createHoldOthers(all),
      beginExamination: createBeginExamination(all),
      noteExamination: createNoteExamination(all),
      takeInventory: createTakeInventory(all),
      noteContained: createNoteContained(all),
      proveBatch: createProveBatch(all),
      listWaiting: createListWaiting(all),
      closeRoll: createCloseRoll(all),
      releaseClaims: createReleaseClaims(all),
      closeGroup: createCloseGroup(all),
      closeReach: createCloseReach(all),
      countBatches: createCountBatches(all),
      reclaimBatch: createReclaimBatch(all),
      releaseBatch: createReleaseBatch(all),
      settleDue: createSettleDue(all),
    };
  }

  private rates(sku: HubSku = { tier: "S3", units: 1_000 }): ReturnType<typeof ratesOf> {
    const dps = { operationsPerMinute: 1_000 * sku.units, registrationsPerMinute: 1_000 * sku.units };
    return ratesOf(dps, new Map(this.azure.hubs.hostNames.map((hub) => [hub, sku])), 1);
  }

  get at(): { readonly rollId: RollId; readonly batch: number } {
    return { rollId, batch: 0 };
  }

  leaf(commonName: string, o: Partial<Parameters<typeof issueLeaf>[0]> = {}): LabCertificate {
    return issueLeaf({ commonName, issuer: this.root, ...validity, ...o });
  }

  /**
   * Enrolled and registered with the old leaf; the target brings the new one. `registered: false`: DPS has no record of
   * it, and somebody else made its identity.
   */
  device(
    id: string,
    o: {
      target?: Partial<RollTarget>;
      standby?: LabCertificate;
      registered?: boolean;
      nameInEntry?: string;
    } = {},
  ): BedDevice {
    const registrationId = RegistrationId.parse(id);
    const [old, fresh] = [this.leaf(id), this.leaf(id)];
    this.azure.addEnrollment({
      registrationId: id,
      ...(o.nameInEntry === undefined ? {} : { deviceId: o.nameInEntry }),
      primaryPem: old.certificatePem,
      ...(o.standby === undefined ? {} : { secondaryPem: o.standby.certificatePem }),
    });
    const deviceId = DeviceId.parse(o.nameInEntry ?? id);
    if (o.registered ?? true) this.azure.register(id, old.certificatePem);
    else this.azure.addIdentity({ deviceId, primaryThumbprint: old.sha256Thumbprint });
    const target: RollTarget = {
      registrationId,
      compromisedSlots: ["primary"],
      replacement: { kind: "inline", chainPem: fresh.chainPem },
      ...o.target,
    };
    return { registrationId, deviceId, old, fresh, target };
  }

  /** The roll as the alert leaves it, then its first activity. */
  async open(...devices: readonly BedDevice[]): Promise<void> {
    await this.openAs({}, ...devices);
  }

  /** The same, with more in the request. */
  async openAs(more: Partial<RollRequest>, ...devices: readonly BedDevice[]): Promise<void> {
    this.clock.pass(10);
    const targets = devices.map(({ target }) => target);
    const about = { playbook: "individual-breach", source: "soc", alertId: "1", reason: "leak" } as const;
    const requestedAt = this.clock.now();
    await this.blobs.putRequest(rollId, { ...about, requestedAt, targets, timing: this.timing, ...more });
    await this.rolls.open(rollId, requestedAt);
    const batches = Math.ceil(targets.length / 90);
    await this.rolls.create({ rollId, ...about, phase: "requested", requestedAt, devices: targets.length, batches });
    await this.control.create(newControl(rollId, { windows: [], freezes: [] }));
    await this.openFleet();
    await this.steps.enterPhase({ rollId, phase: "containing" });
    this.clock.pass(10);
  }

  /** What an operator asks of the roll. */
  async order(verb: Exclude<ControlVerb, "approve">): Promise<void> {
    this.sequence += 1;
    const command = { verb, commandId: `c${this.sequence}`, by: "operator", at: this.clock.now() };
    await this.control.change(rollId, (current) => control(current, command, { phase: "awaiting", finished: false }));
  }

  /** Makes the target list and opens its batches, as the orchestrator does. */
  async openFleet(): Promise<{ devices: number; batches: number; waves: number }> {
    let [part, cursor]: [number, string | undefined] = [0, undefined];
    do {
      const page = await this.steps.gatherTargets({ rollId, part, ...(cursor === undefined ? {} : { cursor }) });
      cursor = page.next;
      part += 1;
    } while (cursor !== undefined);
    const fleet = await this.steps.cutTargets({ rollId, parts: part });
    for (let from: number | undefined = 0; from !== undefined;)
      from = (await this.steps.openBatches({ rollId, from, batches: fleet.batches })).next;
    return fleet;
  }

  /** Rounds of containment as the orchestrator runs them; answers how many it took, or throws if `most` are not enough. */
  async contain(most = 8, batch = 0): Promise<number> {
    for (let round = 1; round <= most; round += 1) if (await this.round(batch)) return round;
    throw new Error(`not contained after ${most} rounds`);
  }

  /** One round; true if nothing is left to do. */
  async round(batch = 0): Promise<boolean> {
    const at = { rollId, batch };
    const dps = await this.steps.closeAtDps(at);
    this.clock.pass(10);
    const hub = await this.steps.holdAtHub(at);
    this.clock.pass(Math.max(0, hub.readyAt - this.clock.now()));
    const release = await this.steps.releaseHold(at);
    this.clock.pass(10);
    const confirmation = await this.steps.confirmContained(at);
    const left = dps.open + hub.pending + release.pending + confirmation.exposed;
    if (left > 0) this.clock.pass(2_000);
    return left === 0;
  }

  async row({ registrationId }: Pick<BedDevice, "registrationId">): Promise<DeviceRow> {
    const row = (await this.batches.read(rollId, 0)).rows.find((one) => one.registrationId === registrationId);
    if (row === undefined) throw new Error(`no row for ${registrationId}`);
    return row;
  }

  async state(device: BedDevice): Promise<DeviceState> {
    return deviceState(await this.row(device));
  }

  /** The text of all journal lines, in order. */
  async journal(): Promise<string[]> {
    const entries = await this.batches.readJournal(rollId, 0);
    return entries.flatMap(({ step, kind, entries: lines }) =>
      lines.map((line) => `${step} ${kind} ${line.registrationId} ${line.target} ${line.action} ${line.result ?? ""}`),
    );
  }

  /** True if a TLS connection to the hub with this leaf would be let in. */
  opens(device: BedDevice, leaf: LabCertificate, hubName?: HubHostName): boolean {
    const identity = this.azure.hub(hubName).identity(device.deviceId);
    const held = [identity?.primaryThumbprint, identity?.secondaryThumbprint];
    return identity?.status === "enabled" && held.includes(leaf.sha256Thumbprint);
  }

  /** The device finds its way back: it registers with the new leaf, connects, says so, and reports when asked. */
  async heal(device: BedDevice, o: { leaf?: LabCertificate; hub?: FakeHub } = {}): Promise<void> {
    const leaf = o.leaf ?? device.fresh;
    this.clock.pass(10);
    if (!this.azure.register(device.registrationId, leaf.certificatePem)) throw new Error("DPS refused the leaf");
    this.clock.pass(10);
    (o.hub ?? this.azure.hub()).connect(device.deviceId, () => ({ status: 202, payload: {} }));
    await this.heartbeat(device, leaf);
  }

  async heartbeat(device: BedDevice, leaf: LabCertificate): Promise<void> {
    await this.say(device, { properties: { messageType: "heartbeat", certThumbprint: leaf.sha256Thumbprint } });
  }

  /** The report that the last `report` command asked for; `signer` differs where somebody forges it. */
  async report(
    device: BedDevice,
    o: { leaf?: LabCertificate; signer?: LabCertificate; authentication?: string } = {},
  ): Promise<void> {
    const calls = this.azure.hub().methodCalls.filter(({ deviceId }) => deviceId === device.deviceId);
    const asked = Asked.parse(calls.at(-1)?.payload);
    const leaf = o.leaf ?? device.fresh;
    const text = signedText(asked, device.deviceId);
    const signature = sign("sha256", Buffer.from(text), (o.signer ?? leaf).privateKeyPem).toString("base64");
    const { chainPem, sha256Thumbprint } = leaf;
    const body = JSON.stringify({ ...asked, phase: "connected", chainPem, sha256Thumbprint, signature });
    const { authentication } = o;
    await this.say(device, {
      body,
      properties: { messageType: "rollReport" },
      ...(authentication === undefined ? {} : { authentication }),
    });
  }

  async say(
    device: BedDevice,
    o: { body?: string; properties: Record<string, unknown>; authentication?: string },
  ): Promise<void> {
    this.clock.pass(10);
    this.sequence += 1;
    const event: StreamEvent = {
      body: Buffer.from(o.body ?? ""),
      properties: o.properties,
      systemProperties: {
        "iothub-connection-device-id": device.deviceId,
        "iothub-connection-auth-method": JSON.stringify({
          scope: "device",
          type: o.authentication ?? "x509Certificate",
        }),
        "iothub-enqueuedtime": formatInstant(this.clock.now()),
        "iothub-message-source": "Telemetry",
      },
      partition: "0",
      sequenceNumber: this.sequence,
      offset: String(this.sequence),
      enqueuedAt: this.clock.now(),
    };
    const { clock, facts, poison } = this;
    await createIngestEvents({ clock, certificates: nodeCertificateReader, facts, poison })("hub", [event]);
  }

  /** How often a device was asked to report. */
  asked({ deviceId }: BedDevice): number {
    return this.azure.hub().methodCalls.filter((call) => call.deviceId === deviceId).length;
  }
}
