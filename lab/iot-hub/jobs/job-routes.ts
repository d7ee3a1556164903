import type { HubCore } from "../core";
import { HubError, notFound } from "../errors";
import { pageOf, pageRequestOf, pageResponse } from "../query/paging";
import { concurrentJobs } from "../quotas";
import { ok, param, type Route } from "../route";
import { deviceJobDocument, jobDocument, jobExists, parseJob, type Job } from "./job";
import { cancelJob, runJob } from "./job-runner";

/** Microsoft docs: the history of jobs is kept for 30 days. */
const historyMs = 30 * 86_400_000;

/** Jobs over many devices (`/jobs/v2`). */
export class Jobs {
  private readonly jobs = new Map<string, Job>();

  constructor(private readonly core: HubCore) {}

  routes(): Route[] {
    const shared = { right: "ServiceConnect", throttle: { name: "jobOperations" } } as const;
    return [
      {
        method: "GET",
        path: "/jobs/v2/query",
        operation: "hub.job.query",
        ...shared,
        write: false,
        subject: () => "",
        handle: (request) => {
          const status = request.query.get("jobStatus");
          const type = request.query.get("jobType");
          const wanted = this.kept().filter(
            (job) => (!status || job.status === status) && (!type || job.request.type === type),
          );
          const { items, next } = pageOf(wanted, pageRequestOf(request));
          return pageResponse(items.map(jobDocument), "jobResponse", next);
        },
      },
      {
        method: "PUT",
        path: "/jobs/v2/{id}",
        operation: "hub.job.create",
        ...shared,
        write: true,
        handle: (request) => {
          const job = this.create(param(request, "id"), request.body);
          if (!request.pretend) this.start(job);
          return ok(jobDocument(job));
        },
      },
      {
        method: "GET",
        path: "/jobs/v2/{id}",
        operation: "hub.job.get",
        ...shared,
        write: false,
        handle: (request) => ok(jobDocument(this.get(param(request, "id")))),
      },
      {
        method: "POST",
        path: "/jobs/v2/{id}/cancel",
        operation: "hub.job.cancel",
        ...shared,
        write: true,
        handle: (request) => {
          const job = this.get(param(request, "id"));
          if (!request.pretend) cancelJob(this.core, job);
          return ok(jobDocument(job));
        },
      },
    ];
  }

  /** The rows of `devices.jobs`. */
  *deviceRows(): Iterable<Record<string, unknown>> {
    for (const job of this.kept()) {
      for (const device of job.devices) yield deviceJobDocument(job, device);
    }
  }

  private create(jobId: string, body: unknown): Job {
    const request = parseJob(jobId, body);
    if (this.jobs.has(jobId)) throw jobExists(jobId);
    const { enabled, tier } = this.core.quotas.options;
    const active = [...this.jobs.values()].filter((job) => job.status === "running" || job.status === "queued").length;
    if (enabled && active >= concurrentJobs(tier)) {
      throw new HubError(
        "ThrottlingMaxActiveJobCountExceeded",
        `Error: 429 {"Message":"The number of active jobs exceeds ${concurrentJobs(tier)}"}`,
      );
    }
    return {
      jobId,
      request,
      createdAt: this.core.clock.now(),
      status: "queued",
      startedAt: 0,
      endedAt: 0,
      devices: [],
    };
  }

  private start(job: Job): void {
    this.jobs.set(job.jobId, job);
    this.core.clock.after(0, () => void runJob(this.core, job));
  }

  private get(jobId: string): Job {
    const job = this.jobs.get(jobId);
    if (!job) throw notFound.job(jobId);
    return job;
  }

  private kept(): Job[] {
    const oldest = this.core.clock.now() - historyMs;
    for (const [id, job] of this.jobs) if (job.createdAt < oldest) this.jobs.delete(id);
    return [...this.jobs.values()];
  }
}
