import type { LabClock } from "../clock";
import type { Behaviour } from "./behaviours";
import type { DeviceCredential } from "./credential";
import type { DeviceStore } from "./device-state";
import type { DeviceTransport } from "./transport";

export interface DeviceTiming {
  /** Milliseconds between heartbeats; one is sent at once when a session opens. Default 1,000. */
  readonly heartbeatMs: number;
  /** Backoff after a failed step, milliseconds. Default 200, at most 2,000. */
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** How long a reboot takes, milliseconds. Default 300. */
  readonly rebootMs: number;
}

export const defaultTiming: DeviceTiming = {
  heartbeatMs: 1_000,
  backoffBaseMs: 200,
  backoffCapMs: 2_000,
  rebootMs: 300,
};

export interface DeviceOptions {
  readonly registrationId: string;
  readonly transport: DeviceTransport;
  /** The key it has from the start; what `store` remembers wins. */
  readonly active: DeviceCredential;
  readonly standby?: DeviceCredential;
  /** Default: memory. */
  readonly store?: DeviceStore;
  readonly behaviour?: Behaviour;
  readonly timing?: Partial<DeviceTiming>;
  readonly clock?: LabClock;
  /** Numbers from [0, 1) for jitter. */
  readonly random?: () => number;
  /** Called after every change of what `snapshot` shows. */
  readonly onChange?: () => void;
}

/** What a display shows of a device. */
export interface DeviceSnapshot {
  readonly registrationId: string;
  readonly activeThumbprint: string;
  readonly connected: boolean;
  readonly offline: boolean;
  /** The hub of its last assignment. */
  readonly hub?: string;
  /** What went wrong last, until something goes well. */
  readonly lastError?: string;
}
