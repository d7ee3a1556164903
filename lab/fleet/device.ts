import type { LabClock } from "../clock";
import { realClock, sleep } from "../clock";
import { Backoff } from "./backoff";
import type { Behaviour } from "./behaviours";
import { leafFacts } from "./credential";
import type { DeviceCredential } from "./credential";
import { decideMethod } from "./device-methods";
import { defaultTiming } from "./device-options";
import type { DeviceOptions, DeviceSnapshot, DeviceTiming } from "./device-options";
import { attemptKey, memoryStore } from "./device-state";
import type { Attempt, DeviceState, DeviceStore } from "./device-state";
import { reprovision } from "./reprovisioning";
import { heartbeat, rollReport } from "./roll-report";
import { HubUnauthorized, messageOf } from "./transport";
import type { HubSession, MethodAnswer } from "./transport";
import { Waits } from "./waits";

/** One run of the agent, from start to stop or reboot: what belongs to an earlier life changes nothing any more. */
class Life {
  private ended = false;

  isOver(): boolean {
    return this.ended;
  }

  end(): void {
    this.ended = true;
  }
}

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
  private readonly underWay = new Set<Attempt>();
  private state: DeviceState;
  private session: HubSession | undefined;
  /** Interrupted when the session ends or a report is due. */
  private sessionWaits: Waits;
  private life: Life | undefined;
  private running: Promise<void> = Promise.resolve();
  /** False after the hub has said "unauthorized": then DPS is asked before the hub. */
  private assignmentHolds: boolean;
  private offline: boolean;
  private hasRebooted = false;
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
  }

  start(): void {
    if (this.life !== undefined) return;
    this.life = new Life();
    this.running = this.live(this.life);
  }

  /** Ends the agent as pulling the plug would; resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.life?.end();
    this.session?.close();
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
      activeThumbprint: leafFacts(this.state.active.chainPem).sha256Thumbprint,
      connected: this.isConnected(),
      offline: this.offline,
      ...(this.state.assignment === undefined ? {} : { hub: this.state.assignment.hubHostName }),
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
    };
  }

  /** How often it did something for this attempt; 0 when it never heard of it. */
  acts(rollId: string, attemptId: string): number {
    return this.state.attempts[attemptKey(rollId, attemptId)]?.acts ?? 0;
  }

  /** Everything it was told to do, copies. */
  attempts(): Attempt[] {
    return Object.values(this.state.attempts).map((attempt) => ({ ...attempt }));
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
        onMethod: (name, payload) => this.onMethod(life, name, payload),
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
      for (const attempt of this.open("working")) this.begin(life, attempt);
      let heartbeatDue = this.clock.now();
      while (session.open && !life.isOver()) {
        if (this.clock.now() >= heartbeatDue) {
          heartbeatDue = this.clock.now() + this.timing.heartbeatMs;
          await session.send(heartbeat(credential));
        }
        await this.sendReports(session, credential);
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

  private onMethod(life: Life, name: string, payload: unknown): MethodAnswer {
    if (life.isOver()) return { status: 503, payload: { error: "going down" } };
    if (this.behaviour.refuses === true) return { status: 403, payload: { error: "This device refuses." } };
    const { answer, begin } = decideMethod(this.state, name, payload);
    this.save();
    if (begin !== undefined && this.behaviour.rebootsInMidRoll === true && !this.hasRebooted) {
      this.hasRebooted = true;
      this.clock.after(0, () => void this.reboot());
    } else if (begin !== undefined) {
      this.begin(life, begin);
    }
    return answer;
  }

  private begin(life: Life, attempt: Attempt): void {
    if (this.underWay.has(attempt)) return;
    this.underWay.add(attempt);
    const work = attempt.kind === "reprovision" ? this.reprovision(life, attempt) : this.report(life, attempt);
    void work.finally(() => this.underWay.delete(attempt));
  }

  private async report(life: Life, attempt: Attempt): Promise<void> {
    await sleep(this.clock, this.behaviour.slowMs ?? 0);
    if (!life.isOver()) this.finish(attempt, "connected");
  }

  private async reprovision(life: Life, attempt: Attempt): Promise<void> {
    const end = await reprovision(attempt, {
      state: this.state,
      transport: this.options.transport,
      behaviour: this.behaviour,
      backoff: new Backoff(this.timing.backoffBaseMs, this.timing.backoffCapMs, this.random),
      clock: this.clock,
      random: this.random,
      isOver: () => life.isOver(),
      refused: (reason) => this.failed(`DPS: ${reason}`),
    });
    if (end.result === "failed") this.finish(attempt, "failed", end.error);
    if (end.result !== "assigned") return;
    attempt.acts += 1;
    this.adopt(end.credential, end);
    this.finish(attempt, "connected");
    this.session?.close(); // the next session is opened with the new leaf, and carries the report
  }

  private finish(attempt: Attempt, result: "connected" | "failed", error?: string): void {
    attempt.status = "report-due";
    attempt.result = result;
    if (error !== undefined) attempt.error = error;
    this.save();
    this.sessionWaits.interrupt();
  }

  private async sendReports(session: HubSession, credential: DeviceCredential): Promise<void> {
    for (const attempt of this.open("report-due")) {
      // Only the session of the new leaf may say "connected"; an old session that is still there is about to close.
      if (credential.chainPem !== this.state.active.chainPem) return;
      await session.send(
        rollReport({
          ...attempt,
          deviceId: this.state.assignment?.deviceId ?? this.registrationId,
          phase: attempt.result ?? "connected",
          credential,
        }),
      );
      attempt.status = "done";
      if (attempt.kind === "report") attempt.acts += 1;
      this.save();
      if (attempt.kind === "reprovision" && attempt.result === "connected") this.fallBackLater();
    }
  }

  private fallBackLater(): void {
    const { fallsBackAfterMs } = this.behaviour;
    const { previous } = this.state;
    if (fallsBackAfterMs === undefined || previous === undefined) return;
    const life = this.life;
    this.clock.after(fallsBackAfterMs, () => {
      void this.options.transport.register(this.registrationId, previous).then((outcome) => {
        if (life !== this.life || outcome.status !== "assigned") return;
        this.adopt(previous, outcome);
        this.session?.close();
      });
    });
  }

  private open(status: Attempt["status"]): Attempt[] {
    return Object.values(this.state.attempts).filter((attempt) => attempt.status === status);
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
