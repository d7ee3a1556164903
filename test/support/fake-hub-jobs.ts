import { randomUUID } from "node:crypto";
import type { Faults } from "../../lab/faults/faults";
import { readExportLine } from "../../shared/domain/hub/import-line";
import { HubJobId, type DeviceId } from "../../shared/domain/ids";
import type { Clock } from "../../shared/ports/clock";
import type { IdentityWrite, IdentityWriteOutcome, MethodOutcome, RegisteredDevice } from "../../shared/ports/hubs";
import type { JobContainer } from "../../shared/ports/import-export-blobs";
import type { MethodJob, MethodJobReading, MethodJobResult, MethodJobs } from "../../shared/ports/method-jobs";
import type { RegistryJob, RegistryJobReading, RegistryJobs, RegistryJobStart } from "../../shared/ports/registry-jobs";
import type { FakeImportExportBlobs } from "./fake-blobs";
import { underFaults } from "./fake-faults";
import { pageOf } from "./fake-records";

/** What jobs do to a hub. */
export interface JobTarget {
  all(): Iterable<RegisteredDevice>;
  write(write: IdentityWrite): IdentityWriteOutcome;
  invoke(deviceId: DeviceId, methodName: string, payload: unknown): MethodOutcome;
}

/** The jobs of one hub in memory. They are over as soon as they have begun, unless `busy` says that another one runs. */
export class FakeHubJobs {
  readonly methodJobs: MethodJobs;
  readonly registryJobs: RegistryJobs;
  /** True: somebody else's job runs, and none can be started. */
  busy = false;
  private readonly methods = new Map<HubJobId, readonly MethodJobResult[]>();
  private readonly registry = new Map<HubJobId, RegistryJob>();

  constructor(
    private readonly target: JobTarget,
    private readonly blobs: FakeImportExportBlobs,
    private readonly clock: Clock,
    faults: Faults,
  ) {
    const call = (verb: string, subject: string, write: boolean) => ({ operation: `hub.job.${verb}`, subject, write });
    const refused = ({ status }: { readonly status: number | undefined }) =>
      status === 400 ? ({ outcome: "refused", detail: "fault" } as const) : undefined;
    this.methodJobs = {
      start: (job) =>
        underFaults(faults, call("create", job.jobId, true), (commit) => this.start(job, commit), refused),
      status: (jobId) => underFaults(faults, call("get", jobId, false), () => this.methodJob(jobId)),
      cancel: (jobId) => underFaults(faults, call("cancel", jobId, true), () => this.methodJob(jobId)),
      results: (jobId, cursor) =>
        underFaults(faults, { operation: "hub.query", subject: "", write: false }, () =>
          pageOf(new Map(this.methods.get(jobId)?.map((result) => [result.deviceId, result])), cursor),
        ),
    };
    const start = (type: RegistryJob["type"], container: JobContainer): Promise<RegistryJobStart> =>
      underFaults<RegistryJobStart>(
        faults,
        call("create", "", true),
        (commit) => this.startRegistryJob(type, container, commit),
        refused,
      );
    this.registryJobs = {
      startExport: (container) => start("export", container),
      startImport: (container) => start("import", container),
      status: (jobId) => underFaults(faults, call("get", jobId, false), () => this.registryJob(jobId)),
      list: () => underFaults(faults, call("list", "", false), () => [...this.registry.values()]),
      cancel: (jobId) => underFaults(faults, call("cancel", jobId, true), () => this.registryJob(jobId)),
    };
  }

  private start(job: MethodJob, commit: boolean): Awaited<ReturnType<MethodJobs["start"]>> {
    if (this.methods.has(job.jobId)) return { outcome: "exists" };
    if (this.busy) return { outcome: "busy", detail: "another job runs" };
    if (!commit) return { outcome: "started" };
    const known = new Set([...this.target.all()].map(({ deviceId }) => deviceId));
    const results = job.deviceIds
      .filter((deviceId) => known.has(deviceId))
      .map((deviceId): MethodJobResult => {
        const answer = this.target.invoke(deviceId, job.methodName, job.payload);
        const result = answer.outcome === "answered" ? answer : ({ outcome: "failed", detail: answer.detail } as const);
        return { deviceId, at: this.clock.now(), result };
      });
    this.methods.set(job.jobId, results);
    return { outcome: "started" };
  }

  private methodJob(jobId: HubJobId): MethodJobReading {
    const results = this.methods.get(jobId);
    if (results === undefined) return { outcome: "missing" };
    const job = { jobId, status: "completed", deviceCount: results.length, detail: undefined } as const;
    return { outcome: "found", job };
  }

  private startRegistryJob(type: RegistryJob["type"], { name }: JobContainer, commit: boolean): RegistryJobStart {
    if (this.busy) return { outcome: "busy" };
    const jobId = HubJobId.parse(randomUUID());
    const over = { status: "completed", progress: 100, detail: undefined } as const;
    const job = { jobId, type, containerName: name, ...over };
    if (commit) {
      this.registry.set(jobId, job);
      if (type === "export") this.blobs.content(name).lines = [...this.target.all()].map(exported);
      else this.import(name);
    }
    return { outcome: "started", job };
  }

  private import(container: string): void {
    const content = this.blobs.content(container);
    const refusals = content.lines.flatMap((line) => {
      const identity = readExportLine(line);
      if (identity === undefined) return [{ errorStatus: "unreadable" }];
      const { moduleId: _module, authentication: _authentication, ...write } = identity;
      const outcome = this.target.write({ ...write, statusReason: reasonIn(line) });
      const codes = { written: undefined, "precondition-failed": 412001, missing: 404001, failed: 400004 } as const;
      const errorCode = codes[outcome.outcome];
      return errorCode === undefined ? [] : [{ deviceId: identity.deviceId, errorCode, errorStatus: "refused" }];
    });
    content.errors = refusals.map((refusal) => JSON.stringify(refusal));
  }

  private registryJob(jobId: HubJobId): RegistryJobReading {
    const job = this.registry.get(jobId);
    return job === undefined ? { outcome: "missing" } : { outcome: "found", job };
  }
}

function exported(device: RegisteredDevice): string {
  const { primaryThumbprint = null, secondaryThumbprint = null } = device;
  return JSON.stringify({
    id: device.deviceId,
    eTag: device.etag,
    status: device.status,
    authentication: { type: device.authentication, x509Thumbprint: { primaryThumbprint, secondaryThumbprint } },
    capabilities: { iotEdge: device.iotEdge },
  });
}

function reasonIn(line: string): string | undefined {
  const { statusReason } = JSON.parse(line) as { statusReason?: string | null };
  return statusReason ?? undefined;
}
