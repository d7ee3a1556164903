import { BlobServiceClient, ContainerSASPermissions, type ContainerClient } from "@azure/storage-blob";
import { x509Authentication } from "../../../lab/iot-hub/identity";
import { startAzurite, type Azurite } from "../../../lab/storage/azurite";
import { startHarness, until, type HubHarness } from "./harness";

let lab: HubHarness;

beforeEach(async () => {
  lab = await startHarness();
});

afterEach(async () => {
  await lab.stop();
});

interface JobAnswer {
  readonly status: string;
  readonly deviceJobStatistics: Record<string, number>;
}

async function statusOf(jobId: string): Promise<JobAnswer> {
  const answer = (await lab.jobs.getJob(jobId)) as { jobStatus: JobAnswer };
  return answer.jobStatus;
}

async function finished(jobId: string): Promise<JobAnswer> {
  let last = await statusOf(jobId);
  await until(async () => {
    last = await statusOf(jobId);
    return !["queued", "scheduled", "running"].includes(last.status);
  });
  return last;
}

async function answering(deviceId: string) {
  const client = await lab.mqtt(deviceId, lab.provision(deviceId));
  client.on("message", (topic, payload) => {
    const requestId = /rid=(.*)$/.exec(topic)?.[1] ?? "";
    client.publish(`$iothub/methods/res/202/?$rid=${requestId}`, payload);
  });
  await client.subscribeAsync("$iothub/methods/POST/#");
  return client;
}

describe("a job", () => {
  it("calls a method on every device of its condition and keeps what each one answered", async () => {
    await answering("dev-1");
    lab.provision("dev-away");
    lab.provision("dev-other");
    const condition = "deviceId IN ['dev-1', 'dev-away']";
    const method = { methodName: "reprovision", payload: { rollId: "r42" }, responseTimeoutInSeconds: 10 };
    const answered = await lab.jobs.scheduleDeviceMethod("job-1", condition, method, new Date(), 300);
    expect((answered as { jobStatus: JobAnswer }).jobStatus.status).toBe("queued");
    const done = await finished("job-1");
    expect(done).toMatchObject({
      status: "completed",
      deviceJobStatistics: { deviceCount: 2, succeededCount: 1, failedCount: 1, runningCount: 0, pendingCount: 0 },
    });
    const query = "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'job-1'";
    const answer = await lab.raw("POST", "/devices/query", { query });
    expect(answer.headers["x-ms-item-type"]).toBe("deviceJob");
    expect(answer.body).toMatchObject([
      {
        deviceId: "dev-1",
        jobType: "scheduleDeviceMethod",
        status: "completed",
        outcome: { deviceMethodResponse: { status: 202, payload: { rollId: "r42" } } },
      },
      { deviceId: "dev-away", status: "failed", error: { code: "404103" } },
    ]);
  });

  it("updates twins, also of devices that are away", async () => {
    lab.provision("dev-1");
    await lab.jobs.scheduleTwinUpdate("job-2", "*", { tags: { wave: 3 }, etag: "*" }, new Date(), 300);
    expect(await finished("job-2")).toMatchObject({ status: "completed", deviceJobStatistics: { succeededCount: 1 } });
    expect(lab.hub.store.device("dev-1")!.twin.tags).toEqual({ wave: 3 });
  });

  it("waits for its start time, and can be cancelled until then", async () => {
    lab.provision("dev-1");
    const later = new Date(Date.now() + 3_600_000);
    await lab.jobs.scheduleTwinUpdate("job-3", "*", { tags: { x: 1 } }, later, 300);
    await until(async () => (await statusOf("job-3")).status === "scheduled");
    await lab.jobs.cancelJob("job-3");
    expect((await statusOf("job-3")).status).toBe("cancelled");
    const query = lab.jobs.createQuery("scheduleUpdateTwin", "cancelled", 10);
    const { result } = (await query.next(query.continuationToken)) as { result: { jobId: string }[] };
    expect(result).toMatchObject([{ jobId: "job-3" }]);
  });

  it("misses silently what the query index does not show yet", async () => {
    lab.hub.switches.queryLagMs = 60_000;
    lab.provision("dev-new");
    await lab.jobs.scheduleTwinUpdate("job-4", "*", { tags: { x: 1 } }, new Date(), 300);
    expect(await finished("job-4")).toMatchObject({ status: "completed", deviceJobStatistics: { deviceCount: 0 } });
  });

  it("is refused without start and maximum time, with a bad id or condition, twice, or unknown", async () => {
    const good = {
      type: "scheduleUpdateTwin",
      updateTwin: { tags: {} },
      startTime: new Date().toISOString(),
      maxExecutionTimeInSeconds: 60,
      queryCondition: "*",
    };
    const put = (id: string, change: object) => lab.raw("PUT", `/jobs/v2/${id}`, { ...good, ...change });
    expect((await put("j", { startTime: null })).status).toBe(400);
    expect((await put("j", { maxExecutionTimeInSeconds: undefined })).status).toBe(400);
    expect((await put("j", { queryCondition: "deviceId IN" })).status).toBe(400);
    expect((await put("bad_id", {})).status).toBe(400);
    expect((await put("j", {})).status).toBe(200);
    expect(await put("j", {})).toMatchObject({ status: 409, headers: { "iothub-errorcode": "JobAlreadyExists" } });
    expect(await lab.raw("GET", "/jobs/v2/none")).toMatchObject({
      status: 404,
      headers: { "iothub-errorcode": "JobNotFound" },
    });
  });

  it("finds no place beside another one on a small hub, and works at the tier's pace", async () => {
    Object.assign(lab.hub.quotas, { enabled: true, tier: "S1", units: 1, timeScale: 1 });
    for (let i = 0; i < 30; i += 1) lab.provision(`dev-${i}`);
    await lab.jobs.scheduleTwinUpdate("slow", "*", { tags: { x: 1 } }, new Date(), 300);
    await until(async () => (await statusOf("slow")).status === "running");
    expect(
      await lab.raw("PUT", "/jobs/v2/second", {
        type: "scheduleUpdateTwin",
        updateTwin: { tags: {} },
        startTime: new Date().toISOString(),
        maxExecutionTimeInSeconds: 60,
        queryCondition: "*",
      }),
    ).toMatchObject({ status: 429, headers: { "iothub-errorcode": "ThrottlingMaxActiveJobCountExceeded" } });
    Object.assign(lab.hub.quotas, { timeScale: 100 });
    expect(await finished("slow")).toMatchObject({ deviceJobStatistics: { succeededCount: 30 } });
  });
});

describe("import and export jobs", () => {
  let azurite: Azurite;
  let container: ContainerClient;
  let containerUri: string;

  beforeAll(async () => {
    azurite = await startAzurite({ inMemory: true });
  });

  afterAll(async () => {
    await azurite.stop();
  });

  beforeEach(async () => {
    const service = BlobServiceClient.fromConnectionString(azurite.connectionString);
    container = service.getContainerClient(`registry-${Date.now()}`);
    await container.create();
    containerUri = await container.generateSasUrl({
      permissions: ContainerSASPermissions.parse("rwdl"),
      expiresOn: new Date(Date.now() + 3_600_000),
    });
  });

  async function ended(jobId: string) {
    let job: { status: string; progress: number } = { status: "", progress: 0 };
    await until(async () => {
      job = (await lab.registry.getJob(jobId)) as unknown as typeof job;
      return !["enqueued", "running"].includes(job.status);
    });
    return job;
  }

  async function importLines(lines: unknown[]) {
    const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
    await container.getBlockBlobClient("devices.txt").upload(text, Buffer.byteLength(text));
    const job = (await lab.registry.importDevicesFromBlob(containerUri, containerUri)) as unknown as { jobId: string };
    return ended(job.jobId);
  }

  async function textOf(name: string): Promise<string> {
    return (await container.getBlobClient(name).downloadToBuffer()).toString("utf8");
  }

  it("do what each line's mode says and write what they could not do into the error log", async () => {
    for (const id of ["upd", "etag", "stale", "gone", "twin"]) {
      lab.hub.store.seed(id, { authentication: x509Authentication("A".repeat(64)) });
    }
    const etag = Buffer.from("1").toString("base64");
    const authentication = { type: "selfSigned", x509Thumbprint: { primaryThumbprint: "B".repeat(64) } };
    const job = await importLines([
      { id: "new", importMode: "create", authentication, tags: { a: 1 } },
      { id: "default", authentication },
      { id: "upd", importMode: "update", authentication, status: "disabled" },
      { id: "etag", eTag: etag, importMode: "updateIfMatchETag", authentication },
      { id: "stale", eTag: "bm8=", importMode: "createOrUpdateIfMatchETag", authentication },
      { id: "gone", importMode: "delete" },
      { id: "twin", importMode: "updateTwin", tags: { b: 2 } },
      "this is no JSON",
    ]);
    expect(job).toMatchObject({ status: "completed", progress: 100 });
    const thumbprint = (id: string) => lab.hub.store.device(id)?.identity.authentication.primaryThumbprint?.[0];
    expect(["new", "default", "upd", "etag", "stale", "gone", "twin"].map(thumbprint)).toEqual([
      "B",
      "B",
      "B",
      "B",
      "A",
      undefined,
      "A",
    ]);
    expect(lab.hub.store.device("new")!.twin.tags).toEqual({ a: 1 });
    expect(lab.hub.store.device("twin")!.twin.tags).toEqual({ b: 2 });
    const log = (await textOf("importerrors.log"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(log).toMatchObject([{ deviceId: "stale", errorCode: 412001 }, { line: "this is no JSON" }]);
  });

  it("export what an import takes back, without keys when asked", async () => {
    const leaf = lab.provision("dev-1");
    await lab.registry.create({ deviceId: "dev-sas" });
    lab.hub.store.seed("dev-1", { authentication: x509Authentication("D".repeat(64)) }, "m1");
    const started = (await lab.registry.exportDevicesToBlob(containerUri, true)) as unknown as { jobId: string };
    expect(await ended(started.jobId)).toMatchObject({ status: "completed" });
    const lines = (await textOf("devices.txt"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      {
        id: "dev-1",
        status: "enabled",
        authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: leaf.sha256Thumbprint } },
      },
      { id: "dev-1", moduleId: "m1" },
      { id: "dev-sas", authentication: { type: "sas", symmetricKey: { primaryKey: null, secondaryKey: null } } },
    ]);
    lab.hub.store.delete("dev-1", undefined, "service");
    expect(await importLines(lines.slice(0, 2))).toMatchObject({ status: "completed" });
    expect(lab.hub.store.device("dev-1")!.identity.authentication.primaryThumbprint).toBe(leaf.sha256Thumbprint);
    expect(lab.hub.store.module("dev-1", "m1")).toBeDefined();
  });

  it("cut the sessions of devices they disable, unless the switch says otherwise", async () => {
    lab.hub.switches.dropDelayMs = 0;
    const leaf = lab.provision("dev-1");
    const client = await lab.mqtt("dev-1", leaf);
    const disable = {
      id: "dev-1",
      importMode: "update",
      status: "disabled",
      authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: leaf.sha256Thumbprint } },
    };
    lab.hub.switches.importDropsSessions = false;
    await importLines([disable]);
    expect(client.connected).toBe(true);
    lab.hub.switches.importDropsSessions = true;
    const cut = new Promise<void>((resolve) => client.once("close", () => resolve()));
    await importLines([disable]);
    await cut;
  });

  it("run one at a time, are listed, and fail with a reason when the container is not there", async () => {
    const nowhere = containerUri.replace(/registry-\d+/, "nowhere");
    const create = () => lab.raw("POST", "/jobs/create", { type: "export", outputBlobContainerUri: nowhere });
    // the lab's own writes are faster than storage, so the second comes while the first one runs
    await Promise.all(Array.from({ length: 2 }, () => lab.raw("GET", "/jobs")));
    const [first, second] = (await Promise.all([create(), create()])).sort((a, b) => a.status - b.status);
    expect(second).toMatchObject({ status: 403, headers: { "iothub-errorcode": "JobQuotaExceeded" } });
    const { jobId } = first.body as { jobId: string };
    expect(await ended(jobId)).toMatchObject({ status: "failed", failureReason: expect.any(String) as string });
    expect((await lab.raw("GET", "/jobs")).body).toHaveLength(1);
    expect((await lab.raw("POST", "/jobs/create", { type: "import", outputBlobContainerUri: nowhere })).status).toBe(
      400,
    );
  });
});
