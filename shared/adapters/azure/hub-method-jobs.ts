import { z } from "zod";
import { deviceCondition } from "../../domain/hub/device-query";
import { DeviceId, HubJobId } from "../../domain/ids";
import { parseInstant } from "../../domain/instant";
import type { MethodJobReading, MethodJobResult, MethodJobs } from "../../ports/method-jobs";
import { readHubPage } from "./hub-answers";
import type { HubContext } from "./hub-connection";
import { jobStatus, saysJobMissing, saysJobsBusy } from "./hub-job-answers";
import { MethodResult } from "./hub-methods";
import { callSdk, readBySdk } from "./sdk-call";
import { toRollError, unreadable } from "./sdk-errors";

const JobRecord = z.object({
  jobId: HubJobId,
  status: jobStatus,
  failureReason: z.string().nullish(),
  statusMessage: z.string().nullish(),
  deviceJobStatistics: z.object({ deviceCount: z.int().nullish() }).nullish(),
});

const DeviceJobRecord = z.object({
  deviceId: DeviceId,
  status: z.enum(["pending", "scheduled", "running", "completed", "failed", "canceled"]),
  lastUpdatedDateTimeUtc: z.string().nullish(),
  outcome: z.object({ deviceMethodResponse: MethodResult.nullish() }).nullish(),
  error: z.object({ code: z.union([z.string(), z.number()]).nullish(), description: z.string().nullish() }).nullish(),
});

/** Direct-method jobs of one hub. */
export function hubMethodJobs({ jobs, registry, service, timeoutMs, clock }: HubContext): MethodJobs {
  const read = (record: unknown, jobId: HubJobId): MethodJobReading => {
    const job = JobRecord.safeParse(record);
    if (!job.success || job.data.jobId !== jobId) throw unreadable(service, `job ${jobId}`);
    const { status, failureReason, statusMessage, deviceJobStatistics } = job.data;
    // Before the job has looked for its devices the count is zero, which is not a count.
    const deviceCount = status === "waiting" ? undefined : (deviceJobStatistics?.deviceCount ?? undefined);
    return {
      outcome: "found",
      job: { jobId, status, deviceCount, detail: failureReason ?? statusMessage ?? undefined },
    };
  };
  const status: MethodJobs["status"] = async (jobId) => {
    const answer = await readBySdk(timeoutMs, () => jobs.getJob(jobId));
    if (answer.ok) return read(answer.value.jobStatus, jobId);
    if (saysJobMissing(answer.failure)) return { outcome: "missing" };
    throw toRollError(service, answer.failure);
  };

  return {
    status,

    async start(job) {
      const { methodName, payload, responseTimeoutSeconds: responseTimeoutInSeconds } = job;
      const answer = await callSdk(timeoutMs, () =>
        jobs.scheduleDeviceMethod(
          job.jobId,
          deviceCondition(job.deviceIds),
          { methodName, payload, responseTimeoutInSeconds },
          // The promise form sends neither if they are not given, and the service refuses that.
          new Date(clock.now()),
          job.maxExecutionSeconds,
        ),
      );
      if (answer.ok) return { outcome: "started" };
      const { status: answered, detail } = answer.failure;
      if (saysJobsBusy(answer.failure)) return { outcome: "busy", detail };
      if (answered === 409) return { outcome: "exists" };
      if (answered === 400 || answered === 413) return { outcome: "refused", detail };
      throw toRollError(service, answer.failure);
    },

    results: (jobId, cursor) =>
      readHubPage(
        service,
        timeoutMs,
        (pageSize) =>
          registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${jobId}'`, pageSize),
        cursor,
        (row) => resultOf(row) ?? fail(unreadable(service, `a device of job ${jobId}`)),
      ),

    async cancel(jobId) {
      const answer = await callSdk(timeoutMs, () => jobs.cancelJob(jobId));
      if (answer.ok) return read(answer.value.jobStatus, jobId);
      if (saysJobMissing(answer.failure)) return { outcome: "missing" };
      // What the service answers for a job that is over is not documented.
      if ([400, 409, 412].includes(answer.failure.status ?? 0)) return status(jobId);
      throw toRollError(service, answer.failure);
    },
  };
}

function resultOf(row: unknown): MethodJobResult | undefined {
  const read = DeviceJobRecord.safeParse(row);
  if (!read.success) return undefined;
  const { deviceId, status, outcome, error, lastUpdatedDateTimeUtc } = read.data;
  const at = lastUpdatedDateTimeUtc ? parseInstant(lastUpdatedDateTimeUtc) : undefined;
  const answered = outcome?.deviceMethodResponse;
  const detail = `${error?.code ?? ""} ${error?.description ?? ""}`.trim().slice(0, 300);
  if (status === "canceled") return { deviceId, at, result: { outcome: "not-called" } };
  if (status === "failed") return { deviceId, at, result: { outcome: "failed", detail } };
  if (status !== "completed") return { deviceId, at, result: { outcome: "waiting" } };
  return answered
    ? { deviceId, at, result: { outcome: "answered", status: answered.status, payload: answered.payload } }
    : { deviceId, at, result: { outcome: "failed", detail: "completed without the device's answer" } };
}

function fail(error: Error): never {
  throw error;
}
