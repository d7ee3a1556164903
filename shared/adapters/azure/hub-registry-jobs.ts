import { z } from "zod";
import { HubJobId } from "../../domain/ids";
import type { JobContainer } from "../../ports/import-export-blobs";
import type { RegistryJob, RegistryJobs, RegistryJobStart } from "../../ports/registry-jobs";
import type { HubContext } from "./hub-connection";
import { jobStatus, saysJobMissing, saysJobsBusy } from "./hub-job-answers";
import { callSdk, readBySdk } from "./sdk-call";
import { clean, toRollError, unreadable } from "./sdk-errors";

const JobRecord = z
  .object({
    jobId: HubJobId,
    type: z.enum(["import", "export"]),
    status: jobStatus,
    progress: z.number().nullish(),
    inputBlobContainerUri: z.string().nullish(),
    outputBlobContainerUri: z.string().nullish(),
    failureReason: z.string().nullish(),
  })
  .transform((job): RegistryJob => ({
    jobId: job.jobId,
    type: job.type,
    status: job.status,
    progress: job.progress ?? 0,
    containerName: nameOf(job.type === "import" ? job.inputBlobContainerUri : job.outputBlobContainerUri),
    detail: job.failureReason ? clean(job.failureReason) : undefined,
  }));

/** Export and import of one hub's registry. */
export function hubRegistryJobs({ registry, service, timeoutMs }: HubContext): RegistryJobs {
  const read = (record: unknown): RegistryJob => {
    const job = JobRecord.safeParse(record);
    if (!job.success) throw unreadable(service, `job: ${job.error.issues[0]?.path.join(".") ?? ""}`);
    return job.data;
  };
  const start = async (send: () => Promise<unknown>): Promise<RegistryJobStart> => {
    const answer = await callSdk(timeoutMs, send);
    if (answer.ok) return { outcome: "started", job: read(answer.value) };
    if (saysJobsBusy(answer.failure)) return { outcome: "busy" };
    const { status, detail } = answer.failure;
    if (status === 400) return { outcome: "refused", detail };
    throw toRollError(service, answer.failure);
  };
  const status: RegistryJobs["status"] = async (jobId) => {
    const answer = await readBySdk<unknown>(timeoutMs, () => registry.getJob(jobId));
    if (answer.ok) return { outcome: "found", job: read(answer.value) };
    if (saysJobMissing(answer.failure)) return { outcome: "missing" };
    throw toRollError(service, answer.failure);
  };

  return {
    status,

    startExport: ({ uri, access }) => {
      if (access.kind === "signature") return start(() => registry.exportDevicesToBlob(uri, true));
      const { userAssigned } = access;
      return start(() =>
        userAssigned === undefined
          ? registry.exportDevicesToBlobByIdentity(uri, true)
          : registry.exportDevicesToBlobByIdentity(uri, true, userAssigned),
      );
    },

    startImport: ({ uri, access }: JobContainer) => {
      if (access.kind === "signature") return start(() => registry.importDevicesFromBlob(uri, uri));
      const { userAssigned } = access;
      return start(() =>
        userAssigned === undefined
          ? registry.importDevicesFromBlobByIdentity(uri, uri)
          : registry.importDevicesFromBlobByIdentity(uri, uri, userAssigned),
      );
    },

    async list() {
      const answer = await readBySdk(timeoutMs, () => registry.listJobs());
      if (!answer.ok) throw toRollError(service, answer.failure);
      const jobs: unknown = answer.value.responseBody;
      if (!Array.isArray(jobs)) throw unreadable(service, "list of jobs");
      return jobs.map(read);
    },

    async cancel(jobId) {
      const answer = await callSdk<unknown>(timeoutMs, () => registry.cancelJob(jobId));
      if (!answer.ok && !saysJobMissing(answer.failure) && ![400, 409, 412].includes(answer.failure.status ?? 0)) {
        throw toRollError(service, answer.failure);
      }
      // The answer to a deletion is empty; what the service says of a job that is over is not documented.
      return status(jobId);
    },
  };
}

/** The last part of a container's address, without the signature behind it. */
function nameOf(uri: string | null | undefined): string | undefined {
  if (!uri || !URL.canParse(uri)) return undefined;
  return new URL(uri).pathname.split("/").filter(Boolean).at(-1);
}
