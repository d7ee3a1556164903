import { z } from "zod";
import { DeviceId, Etag, HubJobId, ModuleId, Sha256Thumbprint } from "../../../shared/domain/ids";
import type { JobContainer } from "../../../shared/ports/import-export-blobs";
import { rejectionOf, startScriptedAzure, type ScriptedAzure } from "../../support/scripted-azure";

const jobId = HubJobId.parse("roll-1-wave-2");
const job = {
  jobId,
  deviceIds: [DeviceId.parse("Pump#1"), DeviceId.parse("it's")],
  methodName: "report",
  payload: { rollId: "r1" },
  responseTimeoutSeconds: 20,
  maxExecutionSeconds: 300,
};
const container = (access: JobContainer["access"]): JobContainer => ({
  name: "rollcall-job-1",
  uri: "https://contoso.blob.core.windows.net/rollcall-job-1?sv=1&sig=c2VjcmV0",
  access,
});
const registryJob = {
  jobId: "3f",
  type: "import",
  status: "enqueued",
  progress: 0,
  inputBlobContainerUri: "https://contoso.blob.core.windows.net/rollcall-job-1?sv=1&sig=c2VjcmV0",
  outputBlobContainerUri: "https://contoso.blob.core.windows.net/other",
};
/** 32 bytes of base64. */
const Key = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const WithKeys = z.object({
  authentication: z.object({ symmetricKey: z.object({ primaryKey: Key, secondaryKey: Key }) }),
});
const form1 = (code: string) => ({ Message: `ErrorCode:${code};because`, ExceptionMessage: "Tracking ID:t" });

describe("the hub's jobs on the wire", () => {
  let azure: ScriptedAzure;
  beforeAll(async () => {
    azure = await startScriptedAzure();
  });
  afterAll(() => azure.stop());
  beforeEach(() => void azure.service.seen.splice(0));

  it("starts a method job with all that the service insists on", async () => {
    azure.service.answer({ status: 200, body: { jobId, status: "queued" } });
    expect(await azure.hub.methodJobs.start(job)).toEqual({ outcome: "started" });
    expect(azure.service.seen).toMatchObject([
      { method: "PUT", path: "/jobs/v2/roll-1-wave-2?api-version=2021-04-12" },
    ]);
    expect(azure.service.seen[0]!.body).toEqual({
      jobId,
      type: "scheduleDeviceMethod",
      cloudToDeviceMethod: { methodName: "report", payload: { rollId: "r1" }, responseTimeoutInSeconds: 20 },
      startTime: "2026-01-01T00:00:00.000Z",
      maxExecutionTimeInSeconds: 300,
      queryCondition: `deviceId IN ['Pump#1',"it's"]`,
    });
  });

  it.each([
    ["ThrottlingMaxActiveJobCountExceeded", 429, { outcome: "busy" }],
    ["JobQuotaExceeded", 403, { outcome: "busy" }],
    ["JobAlreadyExists", 409, { outcome: "exists" }],
    ["ArgumentInvalid", 400, { outcome: "refused" }],
  ] as const)("takes %s for an outcome", async (code, status, expected) => {
    azure.service.answer({ status, body: form1(code) });
    expect(await azure.hub.methodJobs.start(job)).toMatchObject(expected);
  });

  it("takes the throttle of calls for an outage", async () => {
    azure.service.answer({ status: 429, body: form1("ThrottlingBacklogTimeout") });
    await expect(azure.hub.methodJobs.start(job)).rejects.toMatchObject({ code: "service-throttled" });
  });

  it.each([
    ["queued", 0, { status: "waiting", deviceCount: undefined }],
    ["scheduled", 0, { status: "waiting", deviceCount: undefined }],
    ["running", 7, { status: "running", deviceCount: 7 }],
    ["completed", 7, { status: "completed", deviceCount: 7 }],
    ["cancelled", 7, { status: "cancelled", deviceCount: 7 }],
  ])("reads a job that is %s", async (status, deviceCount, expected) => {
    azure.service.answer({ status: 200, body: { jobId, status, deviceJobStatistics: { deviceCount } } });
    expect(await azure.hub.methodJobs.status(jobId)).toMatchObject({ outcome: "found", job: expected });
  });

  it.each([
    ["pending", {}, { outcome: "waiting" }],
    ["running", {}, { outcome: "waiting" }],
    ["canceled", {}, { outcome: "not-called" }],
    [
      "completed",
      { outcome: { deviceMethodResponse: { status: 202, payload: null } } },
      { outcome: "answered", status: 202, payload: null },
    ],
    ["completed", { outcome: {} }, { outcome: "failed", detail: "completed without the device's answer" }],
    ["failed", { error: { code: "404103", description: "offline" } }, { outcome: "failed", detail: "404103 offline" }],
  ])("reads what came of a device: %s", async (status, more, result) => {
    azure.service.answer({ status: 200, body: [{ deviceId: "dev-1", jobId, status, ...more }] });
    const page = await azure.hub.methodJobs.results(jobId, undefined);
    expect(page.items).toEqual([{ deviceId: "dev-1", at: undefined, result }]);
    expect(azure.service.seen[0]!.body).toEqual({
      query: "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'roll-1-wave-2'",
    });
  });

  it("looks at a job that will not be cancelled: it is over, as a rule", async () => {
    azure.service.answer(
      { status: 409, body: form1("JobAlreadyCompleted") },
      { status: 200, body: { jobId, status: "completed" } },
    );
    expect(await azure.hub.methodJobs.cancel(jobId)).toMatchObject({ outcome: "found", job: { status: "completed" } });
  });

  it.each([
    [{ kind: "signature" } as const, {}],
    [{ kind: "identity", userAssigned: undefined } as const, { storageAuthenticationType: "IdentityBased" }],
    [
      { kind: "identity", userAssigned: "/subscriptions/s/x" } as const,
      { storageAuthenticationType: "IdentityBased", identity: { userAssignedIdentity: "/subscriptions/s/x" } },
    ],
  ])("starts an import and an export: %o", async (access, more) => {
    const at = container(access);
    azure.service.answer({ status: 200, body: registryJob }, { status: 200, body: { ...registryJob, type: "export" } });
    await azure.hub.registryJobs.startImport(at);
    await azure.hub.registryJobs.startExport(at);
    const [imported, exported] = azure.service.seen;
    expect(imported).toMatchObject({ method: "POST", path: "/jobs/create?api-version=2021-04-12" });
    const both = { inputBlobContainerUri: at.uri, outputBlobContainerUri: at.uri };
    expect(imported!.body).toEqual({ type: "import", ...both, ...more });
    expect(exported!.body).toEqual({
      type: "export",
      outputBlobContainerUri: at.uri,
      excludeKeysInExport: true,
      ...more,
    });
  });

  it("shows a container by name, never the signature", async () => {
    const failureReason = `cannot read ${registryJob.inputBlobContainerUri}`;
    azure.service.answer({ status: 200, body: { ...registryJob, status: "failed", failureReason } });
    const reading = await azure.hub.registryJobs.status(HubJobId.parse("3f"));
    expect(reading).toMatchObject({ job: { status: "failed", containerName: "rollcall-job-1" } });
    expect(JSON.stringify(reading)).not.toContain("c2VjcmV0");
    azure.service.answer({ status: 500, body: { Message: `ErrorCode:ServerError;${failureReason}` } });
    const error = await rejectionOf(azure.hub.registryJobs.startImport(container({ kind: "signature" })));
    expect(error.message).not.toContain("c2VjcmV0");
  });

  it("says busy when another import or export runs", async () => {
    azure.service.answer({ status: 403, body: form1("JobQuotaExceeded") });
    expect(await azure.hub.registryJobs.startImport(container({ kind: "signature" }))).toEqual({ outcome: "busy" });
  });

  it("deletes identities and modules by the version that was read", async () => {
    const deviceId = DeviceId.parse("Pump#1");
    azure.service.answer({ status: 200, body: { isSuccessful: true, errors: [] } }, { status: 204 });
    await azure.hub.deleteIdentities([{ deviceId, etag: Etag.parse("MTA=") }]);
    const slots = { authentication: "sas", primaryThumbprint: undefined, secondaryThumbprint: undefined } as const;
    const module = { deviceId, moduleId: ModuleId.parse("$edgeAgent"), etag: Etag.parse("MTE="), ...slots };
    await azure.hub.modules.delete({ ...module, generationId: "1", managedBy: undefined });
    const [device, deleted] = azure.service.seen;
    expect(device).toMatchObject({
      method: "POST",
      body: [{ id: "Pump#1", etag: "MTA=", importMode: "DeleteIfMatchETag" }],
    });
    expect(deleted).toMatchObject({
      method: "DELETE",
      path: "/devices/Pump%231/modules/%24edgeAgent?api-version=2021-04-12",
      headers: { "if-match": '"MTE="' },
    });
  });

  it("gives a module new keys that are nobody's, or thumbprints, and sends all of its authentication", async () => {
    const deviceId = DeviceId.parse("pump-1");
    azure.service.answer({ status: 200, body: {} }, { status: 200, body: {} }, { status: 200, body: {} });
    const slots = { primaryThumbprint: undefined, secondaryThumbprint: undefined, managedBy: "IotEdge" } as const;
    const base = {
      deviceId,
      moduleId: ModuleId.parse("camera"),
      etag: Etag.parse("MTE="),
      generationId: "1",
      ...slots,
    };
    const nobody = [Sha256Thumbprint.parse("1".repeat(64)), Sha256Thumbprint.parse("2".repeat(64))] as const;
    await azure.hub.modules.rotate({ ...base, authentication: "sas" }, nobody);
    await azure.hub.modules.rotate({ ...base, authentication: "sas" }, nobody);
    await azure.hub.modules.rotate({ ...base, authentication: "certificateAuthority" }, nobody);
    const [first, second, third] = azure.service.seen;
    expect(first).toMatchObject({
      method: "PUT",
      path: "/devices/pump-1/modules/camera?api-version=2021-04-12",
      headers: { "if-match": '"MTE="' },
      body: { moduleId: "camera", managedBy: "IotEdge", authentication: { type: "sas" } },
    });
    const keys = [first, second].flatMap((request) =>
      Object.values(WithKeys.parse(request?.body).authentication.symmetricKey),
    );
    expect(new Set(keys).size).toBe(4);
    expect(third).toMatchObject({
      body: {
        authentication: {
          type: "selfSigned",
          x509Thumbprint: { primaryThumbprint: nobody[0], secondaryThumbprint: nobody[1] },
        },
      },
    });
  });

  it("does not take a bare 404 for a job or module that is gone", async () => {
    const bare = { status: 404, body: {} };
    azure.service.answer(bare, bare, bare);
    await expect(azure.hub.methodJobs.status(jobId)).rejects.toMatchObject({ code: "service-answer-unreadable" });
    await expect(azure.hub.registryJobs.status(jobId)).rejects.toMatchObject({ code: "service-answer-unreadable" });
    await expect(azure.hub.modules.list(DeviceId.parse("d"))).rejects.toMatchObject({
      code: "service-answer-unreadable",
    });
  });
});
