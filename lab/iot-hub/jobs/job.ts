import { z } from "zod";
import { HubError, invalid } from "../errors";
import { parseCondition, type Expression } from "../query/syntax";

export type JobStatus = "queued" | "scheduled" | "running" | "completed" | "failed" | "cancelled";
export type DeviceJobStatus = "pending" | "running" | "completed" | "failed" | "canceled";

/** What one device was asked by a job, and what came of it. */
export interface DeviceJob {
  readonly deviceId: string;
  readonly moduleId?: string;
  status: DeviceJobStatus;
  startedAt: number;
  endedAt: number;
  updatedAt: number;
  outcome?: unknown;
  error?: { readonly code: string; readonly description: string };
}

/** A job over many devices. Times are milliseconds since the epoch; 0: not yet. */
export interface Job {
  readonly jobId: string;
  readonly request: JobRequest;
  readonly createdAt: number;
  status: JobStatus;
  startedAt: number;
  endedAt: number;
  failureReason?: string;
  devices: DeviceJob[];
}

export interface JobRequest {
  readonly type: "scheduleDeviceMethod" | "scheduleUpdateTwin";
  readonly queryCondition: string;
  readonly condition: Expression | undefined;
  readonly startAt: number;
  readonly maxExecutionSeconds: number;
  readonly method?: { methodName: string; payload?: unknown; responseTimeoutInSeconds?: number | null | undefined };
  readonly updateTwin?: unknown;
}

const bodySchema = z.object({
  jobId: z.string().nullish(),
  type: z.enum(["scheduleDeviceMethod", "scheduleUpdateTwin"]),
  cloudToDeviceMethod: z
    .object({
      methodName: z.string().min(1),
      payload: z.unknown().optional(),
      responseTimeoutInSeconds: z.number().int().min(5).max(300).nullish(),
    })
    .nullish(),
  updateTwin: z.record(z.string(), z.unknown()).nullish(),
  startTime: z.iso.datetime({ offset: true }),
  maxExecutionTimeInSeconds: z.number().int().positive(),
  queryCondition: z.string(),
});

/** Reads a job's body; start and maximum execution time must be given, as in Azure. */
export function parseJob(jobId: string, body: unknown): JobRequest {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(jobId)) throw invalid("A job id has up to 64 letters, digits and hyphens.");
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "The job is not valid."}`);
  }
  const { type, cloudToDeviceMethod: method, updateTwin } = parsed.data;
  if (type === "scheduleDeviceMethod" && !method) throw invalid("cloudToDeviceMethod is missing.");
  if (type === "scheduleUpdateTwin" && !updateTwin) throw invalid("updateTwin is missing.");
  const { queryCondition } = parsed.data;
  const everything = /^\s*(?:\*|)\s*$/.test(queryCondition);
  return {
    type,
    queryCondition,
    condition: everything ? undefined : parseCondition(queryCondition),
    startAt: Date.parse(parsed.data.startTime),
    maxExecutionSeconds: parsed.data.maxExecutionTimeInSeconds,
    ...(method ? { method } : {}),
    ...(updateTwin ? { updateTwin } : {}),
  };
}

/** A job as `GET /jobs/v2/{id}` shows it. */
export function jobDocument(job: Job): Record<string, unknown> {
  const { request } = job;
  const count = (...wanted: DeviceJobStatus[]) => job.devices.filter(({ status }) => wanted.includes(status)).length;
  return {
    jobId: job.jobId,
    queryCondition: request.queryCondition,
    createdTime: time(job.createdAt),
    startTime: time(request.startAt),
    ...(job.endedAt === 0 ? {} : { endTime: time(job.endedAt) }),
    maxExecutionTimeInSeconds: request.maxExecutionSeconds,
    type: request.type,
    ...(request.method ? { cloudToDeviceMethod: request.method } : {}),
    ...(request.updateTwin ? { updateTwin: request.updateTwin } : {}),
    status: job.status,
    ...(job.failureReason === undefined ? {} : { failureReason: job.failureReason }),
    deviceJobStatistics: {
      deviceCount: job.devices.length,
      failedCount: count("failed", "canceled"),
      succeededCount: count("completed"),
      runningCount: count("running"),
      pendingCount: count("pending"),
    },
  };
}

/** A row of `SELECT * FROM devices.jobs`. */
export function deviceJobDocument(job: Job, device: DeviceJob): Record<string, unknown> {
  return {
    deviceId: device.deviceId,
    ...(device.moduleId === undefined ? {} : { moduleId: device.moduleId }),
    jobId: job.jobId,
    jobType: job.request.type,
    status: device.status,
    startTimeUtc: time(device.startedAt),
    endTimeUtc: time(device.endedAt),
    createdDateTimeUtc: time(job.createdAt),
    lastUpdatedDateTimeUtc: time(device.updatedAt),
    ...(device.outcome === undefined ? {} : { outcome: device.outcome }),
    ...(device.error ? { error: device.error } : {}),
  };
}

export function jobExists(jobId: string): HubError {
  return new HubError("JobAlreadyExists", `A job with id '${jobId}' already exists.`);
}

function time(ms: number): string {
  return ms === 0 ? "0001-01-01T00:00:00Z" : new Date(ms).toISOString();
}
