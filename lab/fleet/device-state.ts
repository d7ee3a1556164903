import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { DeviceCredential } from "./credential";

/** What a device must remember over a restart. Plain JSON. */
export interface DeviceState {
  readonly registrationId: string;
  /** The key that the last assignment was made with. */
  active: DeviceCredential;
  /** A key made in advance, for the day the active one is refused. */
  standby?: DeviceCredential;
  /** The key before the active one, kept until the roll is committed. */
  previous?: DeviceCredential;
  /** The answer of the last registration; none before the first. */
  assignment?: { readonly hubHostName: string; readonly deviceId: string };
  /** By `attemptKey`: everything it was ever told to do, so that it does nothing twice. */
  readonly attempts: Record<string, Attempt>;
  /** Keys made for `prepareCertificate`, by roll id: the same roll gets the same request again. */
  readonly preparedKeys: Record<string, string>;
}

export interface Attempt {
  readonly kind: "reprovision" | "report";
  readonly rollId: string;
  readonly attemptId: string;
  readonly nonce: string;
  /** Milliseconds since the epoch after which a failing re-provisioning is given up and reported. */
  readonly deadline?: number;
  readonly spreadSeconds?: number;
  readonly chainPem?: string;
  /** `working`: still to be done; `report-due`: done, the hub has not acknowledged the report yet. */
  status: "working" | "report-due" | "done";
  /** When the device said yes, milliseconds since the epoch. */
  readonly acceptedAt: number;
  result?: "connected" | "failed";
  error?: string;
  /** How often the method was called for this attempt. */
  calls: number;
  /** How often something was done for it: an accepted registration (reprovision), an acknowledged report (report). */
  acts: number;
}

export function attemptKey(rollId: string, attemptId: string): string {
  return `${rollId}|${attemptId}`;
}

/** Where a device keeps its state; `load` answers a copy of what was saved last. */
export interface DeviceStore {
  load(): DeviceState | undefined;
  save(state: DeviceState): void;
}

/** Survives a restart of the agent, not of the process. */
export function memoryStore(): DeviceStore {
  let saved: string | undefined;
  return {
    load: () => (saved === undefined ? undefined : (JSON.parse(saved) as DeviceState)),
    save: (state) => (saved = JSON.stringify(state)),
  };
}

/** Survives the process: written beside and renamed, so that a kill leaves the old state or the new one. */
export function fileStore(path: string): DeviceStore {
  return {
    load: () => {
      try {
        return JSON.parse(readFileSync(path, "utf8")) as DeviceState;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    save: (state) => {
      writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
  };
}
