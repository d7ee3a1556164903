import type { LabClock } from "../clock";
import { realClock, sleep } from "../clock";
import { Backoff } from "./backoff";
import type { Behaviour } from "./behaviours";
import { factsOf } from "./credential";
import type { DeviceCredential } from "./credential";
import { Duties, Life } from "./duties";
import { defaultTiming } from "./device-options";
import type { DeviceOptions, DeviceSnapshot, DeviceTiming } from "./device-options";
import { attemptKey, memoryStore } from "./device-state";
import type { Attempt, DeviceState, DeviceStore } from "./device-state";
import { ModuleAgent } from "./module-agent";
import { heartbeat } from "./roll-report";
import { HubUnauthorized, messageOf } from "./transport";
import type { HubSession } from "./transport";
import { Waits } from "./waits";

/**
 * The reference device agent. It connects to the hub of its last assignment, sends heartbeats and obeys the device
 * contract; refused by the hub, it asks DPS with its active leaf, then with its standby leaf, for ever.
 */
export class Device {
  readonly registrationId: string;
  private readonly clock: LabClock;
  private readonly random: () => number;
  private readonly store: DeviceStore;
  private readonly behaviour: Behaviour;
  private readonly timing: DeviceTiming;
  private readonly waits: Waits;
  private readonly duties: Duties;
  private readonly module: ModuleAgent | undefined;
  private state: DeviceState;
  private session: HubSession | undefined;
  /** Interrupted when the session ends or a report is due. */
  private sessionWaits: Waits;
  private life: Life | undefined;
  private running: Promise<void> = Promise.resolve();
  /** False after the hub has said "unauthorized": then DPS is asked before the hub. */
  private assignmentHolds: boolean;
  private offline: boolean;
  private lastError: string | undefined;

  constructor(private readonly options: DeviceOptions) {
    this.registrationId = options.registrationId;
    this.clock = options.clock ?? realClock;
    this.random = options.random ?? Math.random;
    this.store = options.store ?? memoryStore();
    this.behaviour = options.behaviour ?? {};
    this.timing = { ...defaultTiming, ...options.timing };
    this.waits = new Waits(this.clock);
    this.sessionWaits = new Waits(this.clock);
    this.offline = this.behaviour.offline === true;
    this.state = this.store.load() ?? {
      registrationId: options.registrationId,
      active: options.active,
      ...(options.standby === undefined ? {} : { standby: options.standby }),
      attempts: {},
      preparedKeys: {},
    };
    this.assignmentHolds = this.state.assignment !== undefined;
    this.store.save(this.state);
    this.duties = new Duties({
      registrationId: this.registrationId,
      transport: options.transport,
      behaviour: this.behaviour,
      clock: this.clock,
      random: this.random,
      state: () => this.state,
      backoff: () => new Backoff(this.timing.backoffBaseMs, this.timing.backoffCapMs, this.random),
      adopt: (credential, assignment) => this.adopt(credential, assignment),
      save: () => this.save(),
      failed: (error) => this.failed(error),
      wakeSession: () => this.sessionWaits.interrupt(),
      closeSession: () => this.session?.close(),
      reboot: () => this.reboot(),
    });
    this.module = this.moduleAgent();
  }

  start(): void {
    if (this.life !== undefined) return;
    this.life = new Life();
    const { life } = this;
    this.running = Promise.all([this.live(life), this.module?.live(life)]).then(() => undefined);
  }

  /** Ends the agent as pulling the plug would; resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.life?.end();
    this.session?.close();
    this.module?.interrupt();
    this.waits.interrupt();
    await this.running;
    this.life = undefined;
  }

  /** Power cut: everything that was not saved is lost. Resolves when it is running again. */
  async reboot(): Promise<void> {
    await this.stop();
    this.state = this.store.load() ?? this.state;
    this.assignmentHolds = this.state.assignment !== undefined;
    await sleep(this.clock, this.timing.rebootMs);
    this.start();
  }

  goOffline(): void {
    this.offline = true;
    this.session?.close();
    this.module?.interrupt();
    this.waits.interrupt();
    this.changed();
  }

  comeBack(): void {
    this.offline = false;
    this.waits.interrupt();
    this.changed();
  }

  isConnected(): boolean {
    return this.session?.open === true;
  }

  /** Whether its module, if it has one, has a session with the hub. */
  moduleIsConnected(): boolean {
    return this.module?.isConnected() === true;
  }

  isOffline(): boolean {
    return this.offline;
  }

  /** Whether the last thing it tried went wrong. */
  hasFailed(): boolean {
    return this.lastError !== undefined;
  }

  snapshot(): DeviceSnapshot {
    return {
      registrationId: this.registrationId,
      activeThumbprint: factsOf(this.state.active).sha256Thumbprint,
      connected: this.isConnected(),
      offline: this.offline,
      ...(this.state.assignment === undefined ? {} : { hub: this.state.assignment.hubHostName }),
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
    };
  }

  /** The leaf it runs on and its intermediates, as it presents them. */
  presentedChain(): string {
    return this.state.active.chainPem;
  }

  /** How often it did something for this attempt; 0 when it never heard of it. */
  acts(rollId: string, attemptId: string): number {
    return this.state.attempts[attemptKey(rollId, attemptId)]?.acts ?? 0;
  }

  /** Everything it was told to do, copies. */
  attempts(): Attempt[] {
    return Object.values(this.state.attempts).map((attempt) => ({ ...attempt }));
  }

  private moduleAgent(): ModuleAgent | undefined {
    const { module } = this.behaviour;
    if (module === undefined) return undefined;
    return new ModuleAgent({
      module,
      transport: this.options.transport,
      clock: this.clock,
      backoff: new Backoff(this.timing.backoffBaseMs, this.timing.backoffCapMs, this.random),
      everyMs: this.timing.heartbeatMs,
      assignment: () => (this.offline ? undefined : this.state.assignment),
    });
  }

  private async live(life: Life): Promise<void> {
    const backoff = new Backoff(this.timing.backoffBaseMs, this.timing.backoffCapMs, this.random);
    let assignedJustNow = false;
    while (!life.isOver()) {
      if (this.offline) {
        await this.waits.untilInterrupted();
      } else if (!this.assignmentHolds) {
        const refusal = await this.seekAssignment(life);
        assignedJustNow = refusal === undefined;
        if (refusal !== undefined) await this.waits.pause(backoff.next(refusal.retryAfterMs));
      } else {
        const end = await this.serveHub(life);
        if (end === "session over") backoff.reset();
        // The first "unauthorized" goes straight to DPS; one that follows an assignment must not spin.
        if (end !== "unauthorized" || assignedJustNow) await this.waits.pause(backoff.next());
        assignedJustNow = false;
      }
    }
  }

  /** Asks DPS once with each key it has; answers the last refusal, or nothing when it is assigned. */
  private async seekAssignment(life: Life): Promise<{ retryAfterMs?: number } | undefined> {
    let refusal: { retryAfterMs?: number } = {};
    for (const credential of [this.state.active, this.state.standby]) {
      if (credential === undefined || life.isOver() || this.offline) continue;
      const outcome = await this.options.transport.register(this.registrationId, credential);
      if (life.isOver()) return refusal;
      if (outcome.status === "assigned") {
        this.adopt(credential, outcome);
        return undefined;
      }
      this.failed(`DPS: ${outcome.reason}`);
      refusal = outcome;
    }
    return refusal;
  }

  private adopt(credential: DeviceCredential, assignment: { hubHostName: string; deviceId: string }): void {
    if (credential.chainPem !== this.state.active.chainPem) {
      this.state.previous = this.state.active;
      this.state.active = credential;
      if (this.state.standby?.chainPem === credential.chainPem) delete this.state.standby;
    }
    this.state.assignment = { hubHostName: assignment.hubHostName, deviceId: assignment.deviceId };
    this.assignmentHolds = true;
    this.save();
  }

  /** One session with the hub, from the first byte to its end. */
  private async serveHub(life: Life): Promise<"session over" | "unauthorized" | "unreachable"> {
    const assignment = this.state.assignment;
    if (assignment === undefined) return "unreachable";
    const credential = this.state.active;
    let session: HubSession;
    try {
      session = await this.options.transport.openHub({
        ...assignment,
        credential,
        onMethod: (name, payload) => this.duties.onMethod(life, name, payload),
      });
    } catch (error) {
      this.failed(`hub: ${messageOf(error)}`);
      if (!(error instanceof HubUnauthorized)) return "unreachable";
      this.assignmentHolds = false;
      return "unauthorized";
    }
    if (life.isOver() || this.offline) {
      session.close();
      return "session over";
    }
    this.session = session;
    const waits = new Waits(this.clock);
    this.sessionWaits = waits;
    void session.closed.then(() => waits.interrupt());
    this.lastError = undefined;
    this.changed();
    try {
      this.duties.resume(life);
      let heartbeatDue = this.clock.now();
      while (session.open && !life.isOver()) {
        if (this.clock.now() >= heartbeatDue) {
          heartbeatDue = this.clock.now() + this.timing.heartbeatMs;
          await session.send(heartbeat(credential));
        }
        await this.duties.sendReports(session, credential);
        await waits.pause(Math.max(0, heartbeatDue - this.clock.now()));
      }
    } catch (error) {
      this.failed(`hub: ${messageOf(error)}`);
    } finally {
      session.close();
      this.session = undefined;
      this.changed();
    }
    return "session over";
  }

  private save(): void {
    this.store.save(this.state);
    this.changed();
  }

  private failed(error: string): void {
    this.lastError = error;
    this.changed();
  }

  private changed(): void {
    this.options.onChange?.();
  }
}
