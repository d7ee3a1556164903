import type { LabClock } from "../clock";
import type { Disturbance, DurableLimits } from "./engine/engine-context";
import type { CrashHooks } from "./engine/engine";
import type { LoadedApp } from "./function-app";
import type { OpenEventSource } from "./triggers/event-hub";

/** How a host runs an app. */
export interface HostOptions {
  /** Folder with host.json and package.json. */
  readonly appDir: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** SQLite file; created when it does not exist. Held by one host at a time. */
  readonly storeFile: string;
  /** Settings of the app, over those of its local.settings.json; its environment, and what `%NAME%` means. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default: real time. */
  readonly clock?: LabClock;
  /** `on`: known traps of Durable JavaScript fail loudly, and every turn runs twice; `off`: silent as Azure. Default on. */
  readonly guards?: "on" | "off";
  /** Run every turn twice and compare; default: as `guards`. */
  readonly probe?: boolean;
  /** Processes that run the app; default 1. */
  readonly workers?: number;
  /** `azure-storage`: with the delays, late timers, shuffled completions and second deliveries of Azure. Default none. */
  readonly profile?: "none" | "azure-storage";
  /** For tests: instead of that of the profile. */
  readonly disturbance?: Disturbance;
  /** For tests: other limits than those of Azure Storage. */
  readonly limits?: Partial<DurableLimits>;
  /**
   * Wait for the disk at each transaction (SQLite synchronous=FULL), so that a power cut loses nothing. A killed process
   * loses nothing either way. Default false.
   */
  readonly durable?: boolean;
  /** Lets SDK clients use the RPC endpoint; off, they use the public webhooks. Default true. */
  readonly rpc?: boolean;
  /** Reads Event Hubs triggers; default: through the official SDK. */
  readonly openEventSource?: OpenEventSource;
  /** Largest request body in bytes; default 100 MB, as FUNCTIONS_REQUEST_BODY_SIZE_LIMIT. */
  readonly maxBodyBytes?: number;
  /** Where log lines go; default: nowhere. */
  readonly log?: (line: LogLine) => void;
  /** For tests: the app, instead of processes that load it from `appDir`. */
  readonly app?: LoadedApp;
  /** For tests: called at points where a host may die. */
  readonly hooks?: CrashHooks;
}

export interface LogLine {
  readonly level: string;
  /** `user` for what the app writes, `system` for worker and host. */
  readonly category: string;
  readonly text: string;
}
