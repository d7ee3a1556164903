import type { DeviceCredential } from "./credential";

/** A module identity of the hub, with an X.509 key that is not the device's. */
export interface ModuleIdentity {
  readonly moduleId: string;
  readonly credential: DeviceCredential;
}

/** How a device differs from one that does what the contract says. Everything is off by default. */
export interface Behaviour {
  /** Switched off when the fleet starts, until `comeBack()`. */
  readonly offline?: boolean;
  /** Milliseconds it takes its time before every step of a roll. */
  readonly slowMs?: number;
  /** How far its clock is ahead (negative: behind), in milliseconds: it judges validity and deadlines by that clock. */
  readonly clockSkewMs?: number;
  /** Answers every method with 403 and does nothing. */
  readonly refuses?: boolean;
  /** Answers 202 to `reprovision` and registers with the key it has, whatever it was given. */
  readonly keepsOldKey?: boolean;
  /** Sees to its own leaf: told to move without being given one, it takes the leaf it has in store, not the one it runs on. */
  readonly managesOwnLeaf?: boolean;
  /** Goes back to its previous key this many milliseconds after it reported the new one. */
  readonly fallsBackAfterMs?: number;
  /** Loses power right after it has accepted its first attempt, and starts again from what it had saved. */
  readonly rebootsInMidRoll?: boolean;
  /** Has a module that connects for itself and sends a message (`messageType: moduleTelemetry`) with each heartbeat. */
  readonly module?: ModuleIdentity;
}

/** The behaviours of the lab by name. "No standby leaf" is not one: such a device is simply given none; nor
 * is a module, which has a key of its own. */
export const behaviours = {
  normal: {},
  offline: { offline: true },
  slow: { slowMs: 500 },
  "clock a year behind": { clockSkewMs: -365 * 86_400_000 },
  refuses: { refuses: true },
  "keeps the old key": { keepsOldKey: true },
  "manages its own leaf": { managesOwnLeaf: true },
  "falls back": { fallsBackAfterMs: 500 },
  "reboots in mid-roll": { rebootsInMidRoll: true },
} as const satisfies Record<string, Behaviour>;
