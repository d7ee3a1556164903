import type { DeviceId, HubJobId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { Page } from "./page";

/**
 * Direct methods to many devices of one hub at once, the same payload for all. At most 1 (S1), 5 (S2) or 10 (S3) run at a
 * time. Throws `RollError` for outages; everything the rules foresee is an outcome.
 */
export interface MethodJobs {
  /** Starts a job at once. The id makes it safe to start twice: the second time answers `exists`. */
  start(job: MethodJob): Promise<MethodJobStart>;
  status(jobId: HubJobId): Promise<MethodJobReading>;
  /**
   * What came of each device that the job found. Devices that the hub's query index did not show yet are missing without
   * a word: whoever is not listed when the job is over was not called. Rows may lag behind the status.
   */
  results(jobId: HubJobId, cursor: string | undefined): Promise<Page<MethodJobResult>>;
  /** Stops it; devices not called yet never will be. Answers the job as it then stands; one that is over stays so. */
  cancel(jobId: HubJobId): Promise<MethodJobReading>;
}

export interface MethodJob {
  readonly jobId: HubJobId;
  /** As many as fit into one condition, see `jobConditions` in domain/hub/device-query. */
  readonly deviceIds: readonly DeviceId[];
  readonly methodName: string;
  /** JSON object. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** 5 to 300: how long one device may take to answer. */
  readonly responseTimeoutSeconds: number;
  /** After this the job ends, whoever is left. */
  readonly maxExecutionSeconds: number;
}

export type MethodJobStart =
  | { readonly outcome: "started" }
  /** A job of this id was started before: by us, as a rule. */
  | { readonly outcome: "exists" }
  /** As many jobs run as the hub's tier allows. Try again later. */
  | { readonly outcome: "busy"; readonly detail: string }
  | { readonly outcome: "refused"; readonly detail: string };

export type MethodJobReading =
  { readonly outcome: "found"; readonly job: MethodJobState } | { readonly outcome: "missing" };

export interface MethodJobState {
  readonly jobId: HubJobId;
  /** `waiting`: queued or scheduled. `failed` includes "not all devices in time". */
  readonly status: "waiting" | "running" | "completed" | "failed" | "cancelled";
  /** Devices found; undefined before the job has looked. */
  readonly deviceCount: number | undefined;
  readonly detail: string | undefined;
}

export interface MethodJobResult {
  readonly deviceId: DeviceId;
  readonly result:
    | { readonly outcome: "waiting" }
    | { readonly outcome: "answered"; readonly status: number; readonly payload: unknown }
    /** Never called: the job was cancelled before its turn. */
    | { readonly outcome: "not-called" }
    /** Not connected, or no handler, or it did not answer in time: it may or may not have acted. */
    | { readonly outcome: "failed"; readonly detail: string };
  /** By the hub's clock. */
  readonly at: Instant | undefined;
}
