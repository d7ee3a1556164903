import type { LabClock } from "../../clock";
import type { FunctionApp } from "../function-app";
import type { DurableJson } from "../host-json";
import type { ActivityRow } from "./rows";
import type { Store } from "./store";

/** What production has and a laptop has not; all zero by default. */
export interface Disturbance {
  /** How long one message takes, in milliseconds. */
  messageDelayMs(): number;
  /** How late a timer fires, in milliseconds. */
  timerDelayMs(): number;
  /** Whether an activity is delivered a second time, at the same time. */
  deliverTwice(): boolean;
  /** Longest activity result or input in bytes; undefined: no limit. */
  readonly maxPayloadBytes: number | undefined;
}

export const undisturbed: Disturbance = {
  messageDelayMs: () => 0,
  timerDelayMs: () => 0,
  deliverTwice: () => false,
  maxPayloadBytes: undefined,
};

/** How loudly the host speaks of known traps of the Durable JavaScript protocol. */
export interface Guards {
  /** Traps fail the instance with a sentence; off: silent as in production. */
  readonly strict: boolean;
  /** Every turn runs twice and the answers are compared. */
  readonly probe: boolean;
}

/** What every part of the engine shares. */
export interface EngineContext {
  readonly store: Store;
  readonly app: FunctionApp;
  readonly clock: LabClock;
  readonly settings: DurableJson & DurableLimits;
  readonly guards: Guards;
  readonly disturbance: Disturbance;
  readonly log: (level: string, text: string) => void;
  /** There are messages for these instances or entities. */
  readonly wake: (instanceIds: readonly string[]) => void;
  /** There is work for the activity dispatcher. */
  readonly run: (rows: readonly ActivityRow[]) => void;
  /** A timer was stored that is due then. */
  readonly alarm: (due: number) => void;
  /** Something began or ended: tells who waits for the engine to be idle. */
  readonly changed: () => void;
}

/** Constants of the Azure Storage provider and of the protocol's newest schema. */
export interface DurableLimits {
  /** 2: schema V3; 3: V4, which adds entity locks (extension 3.13 and later). */
  readonly schemaVersion: 2 | 3;
  readonly maximumShortTimerMs: number;
  readonly longTimerIntervalMs: number;
  /** Messages one turn takes at most (control queue batch of Azure Storage). */
  readonly messagesPerTurn: number;
}

export const azureStorageLimits: DurableLimits = {
  schemaVersion: 3,
  maximumShortTimerMs: 6 * 86_400_000,
  longTimerIntervalMs: 3 * 86_400_000,
  messagesPerTurn: 32,
};

/** ISO text of the clock's time. */
export function timeText(clock: LabClock): string {
  return new Date(clock.now()).toISOString();
}

/** When a message that is sent now reaches its target. */
export function arrival(context: EngineContext): number {
  const delay = context.disturbance.messageDelayMs();
  return delay === 0 ? 0 : context.clock.now() + Math.ceil(delay);
}
