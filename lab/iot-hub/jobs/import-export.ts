import { ContainerClient } from "@azure/storage-blob";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { z } from "zod";
import { applyBulkItem, bulkError, parseBulkItem } from "../bulk";
import type { HubCore } from "../core";
import { authenticationDocument, sectionDocument } from "../documents";
import { HubError, invalid, notFound } from "../errors";
import { etagOf } from "../identity";
import { noContent, ok, param, type Route } from "../route";
import type { HubRecord } from "../store";
import { twinEtag } from "../twin";

const bodySchema = z.object({
  type: z.enum(["import", "export"]),
  inputBlobContainerUri: z.url().nullish(),
  outputBlobContainerUri: z.url(),
  inputBlobName: z.string().nullish(),
  outputBlobName: z.string().nullish(),
  excludeKeysInExport: z.boolean().nullish(),
  storageAuthenticationType: z.string().nullish(),
});
type Settings = z.output<typeof bodySchema>;

interface RegistryJob {
  readonly jobId: string;
  readonly settings: Settings;
  readonly startedAt: number;
  endedAt: number;
  status: "enqueued" | "running" | "completed" | "failed" | "cancelled";
  progress: number;
  failureReason?: string;
}

const defaultBlobName = "devices.txt";
/** Microsoft does not name the blob; the lab does. */
const errorLogName = "importerrors.log";
/** The event loop gets its turn after this many lines. */
const linesPerTurn = 500;

/** Import and export of the whole registry through blob storage (`/jobs`): one job at a time. */
export class RegistryJobs {
  private readonly jobs = new Map<string, RegistryJob>();

  constructor(private readonly core: HubCore) {}

  routes(): Route[] {
    const shared = { right: "RegistryWrite", throttle: { name: "jobOperations" } } as const;
    return [
      {
        method: "POST",
        path: "/jobs/create",
        operation: "hub.job.create",
        ...shared,
        write: true,
        subject: () => "",
        handle: (request) => {
          const job = this.create(request.body);
          if (!request.pretend) this.start(job);
          return ok(document(job));
        },
      },
      {
        method: "GET",
        path: "/jobs",
        operation: "hub.job.list",
        ...shared,
        write: false,
        handle: () => ok([...this.jobs.values()].map(document)),
      },
      {
        method: "GET",
        path: "/jobs/{id}",
        operation: "hub.job.get",
        ...shared,
        write: false,
        handle: (request) => ok(document(this.get(param(request, "id")))),
      },
      {
        method: "DELETE",
        path: "/jobs/{id}",
        operation: "hub.job.cancel",
        ...shared,
        write: true,
        handle: (request) => {
          const job = this.get(param(request, "id"));
          if (!request.pretend && active(job)) this.end(job, "cancelled");
          return noContent;
        },
      },
    ];
  }

  private create(body: unknown): RegistryJob {
    const parsed = bodySchema.safeParse(body);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw invalid(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "The job is not valid."}`);
    }
    if (parsed.data.type === "import" && !parsed.data.inputBlobContainerUri) {
      throw invalid("An import needs inputBlobContainerUri.");
    }
    if ([...this.jobs.values()].some(active)) {
      throw new HubError("JobQuotaExceeded", "Only one import or export job may run at a time.");
    }
    return {
      jobId: randomUUID(),
      settings: parsed.data,
      startedAt: this.core.clock.now(),
      endedAt: 0,
      status: "enqueued",
      progress: 0,
    };
  }

  private start(job: RegistryJob): void {
    this.jobs.set(job.jobId, job);
    const run = job.settings.type === "import" ? this.import(job) : this.export(job);
    run.then(
      () => {
        if (active(job)) this.end(job, "completed");
      },
      (error: unknown) => {
        job.failureReason = error instanceof Error ? error.message : "The job failed.";
        if (active(job)) this.end(job, "failed");
      },
    );
  }

  private end(job: RegistryJob, status: "completed" | "failed" | "cancelled"): void {
    job.status = status;
    job.progress = status === "completed" ? 100 : job.progress;
    job.endedAt = this.core.clock.now();
  }

  private get(jobId: string): RegistryJob {
    const job = this.jobs.get(jobId);
    if (!job) throw notFound.job(jobId);
    return job;
  }

  private async import(job: RegistryJob): Promise<void> {
    job.status = "running";
    const { settings } = job;
    const input = new ContainerClient(settings.inputBlobContainerUri ?? "");
    const output = new ContainerClient(settings.outputBlobContainerUri);
    const download = await input.getBlobClient(settings.inputBlobName ?? defaultBlobName).download();
    if (!download.readableStreamBody) throw new Error("The input blob is empty.");
    const total = Math.max(1, download.contentLength ?? 1);
    const errors: string[] = [];
    let read = 0;
    let lines = 0;
    for await (const line of createInterface({ input: Readable.from(download.readableStreamBody) })) {
      if (!active(job)) return;
      read += Buffer.byteLength(line) + 1;
      lines += 1;
      const error = line.trim() === "" ? undefined : this.importLine(line);
      if (error !== undefined) errors.push(error);
      job.progress = Math.min(99, Math.floor((100 * read) / total));
      if (lines % linesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    if (errors.length > 0) {
      const log = `${errors.join("\n")}\n`;
      await output.getBlockBlobClient(errorLogName).upload(log, Buffer.byteLength(log));
    }
  }

  /** What goes into the error log, or nothing. */
  private importLine(line: string): string | undefined {
    try {
      const item = parseBulkItem(JSON.parse(line), "createOrUpdate");
      try {
        applyBulkItem(this.core, item, "import");
        return undefined;
      } catch (error) {
        if (error instanceof HubError) return JSON.stringify(bulkError(item, error));
        throw error;
      }
    } catch (error) {
      return JSON.stringify({
        line: line.slice(0, 200),
        errorStatus: error instanceof Error ? error.message : "invalid",
      });
    }
  }

  private async export(job: RegistryJob): Promise<void> {
    job.status = "running";
    const { settings, jobId } = job;
    const output = new ContainerClient(settings.outputBlobContainerUri);
    const blob = output.getBlockBlobClient(settings.outputBlobName ?? defaultBlobName);
    await blob.uploadStream(Readable.from(this.lines(settings.excludeKeysInExport ?? false, jobId)), 4 * 1_024 * 1_024);
  }

  private *lines(excludeKeys: boolean, jobId: string): Iterable<Buffer> {
    const job = this.get(jobId);
    const total = Math.max(1, this.core.store.size);
    let written = 0;
    for (const device of this.core.store.allDevices()) {
      const records = [device, ...this.core.store.modulesOf(device.identity.deviceId)];
      for (const record of records) yield Buffer.from(`${JSON.stringify(exported(record, excludeKeys))}\n`);
      written += 1;
      job.progress = Math.min(99, Math.floor((100 * written) / total));
    }
  }
}

function active(job: RegistryJob): boolean {
  return job.status === "enqueued" || job.status === "running";
}

function exported({ identity, twin }: HubRecord, excludeKeys: boolean): unknown {
  const authentication = authenticationDocument(identity.authentication);
  return {
    id: identity.deviceId,
    ...(identity.moduleId === undefined ? {} : { moduleId: identity.moduleId }),
    eTag: etagOf(identity),
    status: identity.status,
    ...(identity.statusReason === null ? {} : { statusReason: identity.statusReason }),
    authentication: excludeKeys
      ? { ...authentication, symmetricKey: { primaryKey: null, secondaryKey: null } }
      : authentication,
    twinETag: twinEtag(twin),
    tags: twin.tags,
    properties: { desired: sectionDocument(twin.desired), reported: sectionDocument(twin.reported) },
    capabilities: { iotEdge: identity.iotEdge },
  };
}

function document(job: RegistryJob): Record<string, unknown> {
  const { settings } = job;
  return {
    jobId: job.jobId,
    startTimeUtc: new Date(job.startedAt).toISOString(),
    ...(job.endedAt === 0 ? {} : { endTimeUtc: new Date(job.endedAt).toISOString() }),
    type: settings.type,
    status: job.status,
    progress: job.progress,
    inputBlobContainerUri: settings.inputBlobContainerUri ?? null,
    outputBlobContainerUri: settings.outputBlobContainerUri,
    excludeKeysInExport: settings.excludeKeysInExport ?? false,
    storageAuthenticationType: settings.storageAuthenticationType ?? "keyBased",
    failureReason: job.failureReason ?? null,
  };
}
