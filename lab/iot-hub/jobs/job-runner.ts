import { sleep } from "../../clock";
import type { HubCore } from "../core";
import { errorCodes, HubError } from "../errors";
import { invokeMethod } from "../methods";
import { selectRecords } from "../query/query-route";
import type { HubRecord } from "../store";
import { parseTwinChange, type TwinChange } from "../twin";
import type { DeviceJob, Job, JobRequest } from "./job";

/** How many devices of one job are worked on at once. */
const parallelDevices = 50;

/**
 * Runs a job from its start time to its end. The devices are picked once, when it starts, by the query index: what the
 * index does not show yet is missed without a word, as in Azure.
 */
export async function runJob(core: HubCore, job: Job): Promise<void> {
  const { request } = job;
  const wait = request.startAt - core.clock.now();
  if (wait > 0) {
    job.status = "scheduled";
    await sleep(core.clock, Math.min(wait, 2_000_000_000));
  }
  if (isOver(job)) return;
  job.status = "running";
  job.startedAt = core.clock.now();
  const records = [
    ...selectRecords(core, { source: "devices", ...(request.condition ? { where: request.condition } : {}) }),
  ];
  job.devices = records.map(({ identity }) => pending(core, identity.deviceId));
  const deadline = job.startedAt + request.maxExecutionSeconds * 1_000;
  const queue = job.devices.values();
  await Promise.all(Array.from({ length: parallelDevices }, () => work(core, job, queue, deadline)));
  if (isOver(job)) return;
  const late = job.devices.filter(({ status }) => status === "pending");
  for (const device of late) {
    fail(core, device, new HubError("JobRunPreconditionFailed", "The job's maximum execution time has passed."));
  }
  job.status = late.length > 0 ? "failed" : "completed";
  if (late.length > 0) job.failureReason = "The job's maximum execution time has passed.";
  job.endedAt = core.clock.now();
}

/** Stops a job; devices it has not reached yet are `canceled`. */
export function cancelJob(core: HubCore, job: Job): void {
  if (job.status === "completed" || job.status === "failed" || job.status === "cancelled") return;
  job.status = "cancelled";
  job.endedAt = core.clock.now();
  for (const device of job.devices) {
    if (device.status !== "pending") continue;
    device.status = "canceled";
    device.updatedAt = core.clock.now();
  }
}

async function work(core: HubCore, job: Job, queue: IterableIterator<DeviceJob>, deadline: number): Promise<void> {
  for (const device of queue) {
    const { timeScale } = core.quotas.options;
    for (let wait = 1; wait > 0 && core.clock.now() < deadline;) {
      wait = core.quotas.waitFor("jobDeviceOperations");
      if (wait > 0) await sleep(core.clock, Math.max(1, wait / Math.max(1, timeScale)));
    }
    if (isOver(job) || core.clock.now() >= deadline) return;
    await perform(core, job.request, device);
  }
}

async function perform(core: HubCore, request: JobRequest, device: DeviceJob): Promise<void> {
  device.status = "running";
  device.startedAt = core.clock.now();
  try {
    const effects = core.faults.take("hub.job.device", device.deviceId);
    const pretend = effects.some((effect) => effect.kind === "acknowledged-not-done");
    device.outcome = pretend ? {} : await act(core, request, device);
    device.status = "completed";
    device.endedAt = core.clock.now();
    device.updatedAt = device.endedAt;
  } catch (error) {
    fail(core, device, error instanceof HubError ? error : new HubError("ServerError", "An internal error occurred."));
  }
}

async function act(core: HubCore, request: JobRequest, device: DeviceJob): Promise<unknown> {
  if (request.type === "scheduleUpdateTwin") {
    updateTwin(core, core.store.get(device.deviceId), parseTwinChange(request.updateTwin));
    return {};
  }
  const result = await invokeMethod(core, {
    deviceId: device.deviceId,
    name: request.method?.methodName ?? "",
    payload: request.method?.payload,
    responseTimeoutMs: (request.method?.responseTimeoutInSeconds ?? 30) * 1_000,
    connectTimeoutMs: 0,
  });
  return { deviceMethodResponse: result };
}

function updateTwin(core: HubCore, record: HubRecord, change: TwinChange): void {
  core.store.writeTwin(core.store.draftTwin(record, change, "merge"), change, "updateTwin", "service");
}

function pending(core: HubCore, deviceId: string): DeviceJob {
  return { deviceId, status: "pending", startedAt: 0, endedAt: 0, updatedAt: core.clock.now() };
}

function fail(core: HubCore, device: DeviceJob, error: HubError): void {
  device.status = "failed";
  device.endedAt = core.clock.now();
  device.updatedAt = device.endedAt;
  device.error = { code: String(errorCodes[error.code]), description: error.message };
}

function isOver(job: Job): boolean {
  return job.status === "cancelled";
}
