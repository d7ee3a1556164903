import type { LabClock } from "../clock";
import { sleep } from "../clock";
import type { Backoff } from "./backoff";
import type { Behaviour } from "./behaviours";
import type { DeviceCredential } from "./credential";
import { decideMethod } from "./device-methods";
import type { Attempt, DeviceState } from "./device-state";
import { reprovision } from "./reprovisioning";
import { rollReport } from "./roll-report";
import type { DeviceTransport, HubSession, MethodAnswer } from "./transport";

/** One run of the agent, from start to stop or reboot: what belongs to an earlier life changes nothing any more. */
export class Life {
  private ended = false;

  isOver(): boolean {
    return this.ended;
  }

  end(): void {
    this.ended = true;
  }
}

/** The device, as far as its duties need it. */
export interface DutyBearer {
  readonly registrationId: string;
  readonly transport: DeviceTransport;
  readonly behaviour: Behaviour;
  readonly clock: LabClock;
  readonly random: () => number;
  /** The state of the present life. */
  state(): DeviceState;
  backoff(): Backoff;
  /** Makes a credential with which DPS has assigned the device the active one. */
  adopt(credential: DeviceCredential, assignment: { hubHostName: string; deviceId: string }): void;
  save(): void;
  failed(error: string): void;
  /** Makes the session's loop look for reports that are due. */
  wakeSession(): void;
  closeSession(): void;
  reboot(): Promise<void>;
}

/** What a device does because a direct method told it to, from the method to the acknowledged report. */
export class Duties {
  private readonly underWay = new Set<Attempt>();
  private hasRebooted = false;

  constructor(private readonly device: DutyBearer) {}

  onMethod(life: Life, name: string, payload: unknown): MethodAnswer {
    const { behaviour, clock } = this.device;
    if (life.isOver()) return { status: 503, payload: { error: "going down" } };
    if (behaviour.refuses === true) return { status: 403, payload: { error: "This device refuses." } };
    const { answer, begin } = decideMethod(this.device.state(), name, payload, clock.now());
    this.device.save();
    if (begin === undefined) return answer;
    if (behaviour.rebootsInMidRoll === true && !this.hasRebooted) {
      this.hasRebooted = true;
      clock.after(0, () => void this.device.reboot());
    } else {
      this.begin(life, begin);
    }
    return answer;
  }

  /** Takes up what an earlier life had accepted and not finished. */
  resume(life: Life): void {
    for (const attempt of this.attempts("working")) this.begin(life, attempt);
  }

  /** Sends every report that is due over the session that `credential` opened. Rejects when the session ends. */
  async sendReports(session: HubSession, credential: DeviceCredential): Promise<void> {
    for (const attempt of this.attempts("report-due")) {
      const state = this.device.state();
      const deviceId = state.assignment?.deviceId ?? this.device.registrationId;
      await session.send(rollReport({ ...attempt, deviceId, phase: attempt.result ?? "connected", credential }));
      attempt.status = "done";
      if (attempt.kind === "report") attempt.acts += 1;
      this.device.save();
      if (attempt.kind === "reprovision" && attempt.result === "connected") this.fallBackLater();
    }
  }

  private begin(life: Life, attempt: Attempt): void {
    if (this.underWay.has(attempt)) return;
    this.underWay.add(attempt);
    const work = attempt.kind === "reprovision" ? this.reprovision(life, attempt) : this.report(life, attempt);
    void work.finally(() => this.underWay.delete(attempt));
  }

  private async report(life: Life, attempt: Attempt): Promise<void> {
    await sleep(this.device.clock, this.device.behaviour.slowMs ?? 0);
    if (!life.isOver()) this.finish(attempt, "connected");
  }

  private async reprovision(life: Life, attempt: Attempt): Promise<void> {
    const { transport, behaviour, clock, random } = this.device;
    const end = await reprovision(attempt, {
      state: this.device.state(),
      transport,
      behaviour,
      backoff: this.device.backoff(),
      clock,
      random,
      isOver: () => life.isOver(),
      refused: (reason) => this.device.failed(`DPS: ${reason}`),
    });
    if (end.result === "failed") this.finish(attempt, "failed", end.error);
    if (end.result !== "assigned") return;
    attempt.acts += 1;
    this.device.adopt(end.credential, end);
    this.finish(attempt, "connected");
    // In the same breath as the change of the key, so that no old session can carry the report: the next one will.
    this.device.closeSession();
  }

  private finish(attempt: Attempt, result: "connected" | "failed", error?: string): void {
    attempt.status = "report-due";
    attempt.result = result;
    if (error !== undefined) attempt.error = error;
    this.device.save();
    this.device.wakeSession();
  }

  private fallBackLater(): void {
    const { fallsBackAfterMs } = this.device.behaviour;
    const state = this.device.state();
    const { previous } = state;
    if (fallsBackAfterMs === undefined || previous === undefined) return;
    this.device.clock.after(fallsBackAfterMs, () => {
      void this.device.transport.register(this.device.registrationId, previous).then((outcome) => {
        if (this.device.state() !== state || outcome.status !== "assigned") return;
        this.device.adopt(previous, outcome);
        this.device.closeSession();
      });
    });
  }

  private attempts(status: Attempt["status"]): Attempt[] {
    return Object.values(this.device.state().attempts).filter((attempt) => attempt.status === status);
  }
}
