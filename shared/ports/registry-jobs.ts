import type { HubJobId } from "../domain/ids";
import type { JobContainer } from "./import-export-blobs";

/**
 * Export and import of a hub's whole identity registry through blob storage. Only one runs at a time, in all tiers. Throws
 * `RollError` for outages; everything the rules foresee is an outcome.
 */
export interface RegistryJobs {
  /** Writes all identities as lines (domain/hub/import-line) without keys into the container. */
  startExport(to: JobContainer): Promise<RegistryJobStart>;
  /**
   * Does what the container's lines say, each by itself; lines that it refuses are listed in the container's error log.
   * A line guarded by an ETag that was written before is refused, so that an import may run twice.
   */
  startImport(from: JobContainer): Promise<RegistryJobStart>;
  status(jobId: HubJobId): Promise<RegistryJobReading>;
  /** Those the hub remembers: a start whose answer was lost is found by its container. */
  list(): Promise<readonly RegistryJob[]>;
  /** Lines that were done stay done. Answers the job as it then stands. */
  cancel(jobId: HubJobId): Promise<RegistryJobReading>;
}

export type RegistryJobStart =
  | { readonly outcome: "started"; readonly job: RegistryJob }
  /** Another one runs, ours or not. */
  | { readonly outcome: "busy" }
  | { readonly outcome: "refused"; readonly detail: string };

export type RegistryJobReading =
  { readonly outcome: "found"; readonly job: RegistryJob } | { readonly outcome: "missing" };

export interface RegistryJob {
  readonly jobId: HubJobId;
  readonly type: "export" | "import";
  /** An import that is `completed` may have refused lines: see its error log. */
  readonly status: "waiting" | "running" | "completed" | "failed" | "cancelled";
  /** 0 to 100. */
  readonly progress: number;
  /** Name of the container that was read (import) or written (export). */
  readonly containerName: string | undefined;
  readonly detail: string | undefined;
}
