import { Client, JobClient, Registry } from "azure-iothub";
import { NoRetry } from "azure-iot-common";
import { randomBytes } from "node:crypto";
import { startHarness, until } from "./harness";

/** What the contract needs of a hub: the lab's, or a real one. */
interface Target {
  readonly registry: Registry;
  readonly service: Client;
  readonly jobs: JobClient;
  stop(): Promise<void>;
}

const live = process.env["ROLLCALL_LIVE_HUB"];

const targets: [string, () => Promise<Target>][] = [
  ["the lab's hub", () => startHarness()],
  ...(live === undefined ? [] : ([["a real hub", () => liveTarget(live)]] as [string, () => Promise<Target>][])),
];

function liveTarget(connectionString: string): Promise<Target> {
  const service = Client.fromConnectionString(connectionString);
  service.setRetryPolicy(new NoRetry());
  return Promise.resolve({
    registry: Registry.fromConnectionString(connectionString),
    service,
    jobs: JobClient.fromConnectionString(connectionString),
    stop: () => Promise.resolve(),
  });
}

async function statusOf(promise: Promise<unknown>): Promise<[number, string]> {
  try {
    await promise;
  } catch (error) {
    const { response } = error as { response: { statusCode: number; headers: Record<string, string> } };
    return [response.statusCode, response.headers["iothub-errorcode"] ?? ""];
  }
  throw new Error("It was not refused.");
}

/** Set ROLLCALL_LIVE_HUB to the connection string of a hub (iothubowner) to ask Azure the same questions. */
describe.each(targets)("%s", (_name, start) => {
  let hub: Target;
  const run = `rc${randomBytes(4).toString("hex")}`;
  const deviceId = `${run}-device`;
  const thumbprint = (digit: string) => ({
    authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: digit.repeat(64) } },
  });

  beforeAll(async () => {
    hub = await start();
    await hub.registry.create({ deviceId, ...thumbprint("A") });
  });

  afterAll(async () => {
    await hub.registry.delete(deviceId).catch(() => undefined);
    await hub.stop();
  });

  it("refuses to create a device twice and to find one that is not there", async () => {
    expect(await statusOf(hub.registry.create({ deviceId, ...thumbprint("B") }))).toEqual([409, "DeviceAlreadyExists"]);
    expect(await statusOf(hub.registry.get(`${run}-nobody`))).toEqual([404, "DeviceNotFound"]);
  });

  it("shows the thumbprint in the identity and in the twin, and ties them by the identity's etag", async () => {
    const { responseBody: device } = await hub.registry.get(deviceId);
    const { responseBody: twin } = await hub.registry.getTwin(deviceId);
    expect(device.authentication?.x509Thumbprint?.primaryThumbprint).toBe("A".repeat(64));
    expect(twin).toMatchObject({
      deviceEtag: device.etag,
      authenticationType: "selfSigned",
      x509Thumbprint: { primaryThumbprint: "A".repeat(64) },
    });
  });

  it("guards a bulk update by the etag of each device", async () => {
    const stale = { deviceId, etag: "bm9wZQ==", ...thumbprint("B") };
    expect((await statusOf(hub.registry.updateDevices([stale] as never, false)))[0]).toBe(400);
    const { responseBody: device } = await hub.registry.get(deviceId);
    const fresh = { deviceId, etag: device.etag, ...thumbprint("C") };
    const { responseBody } = await hub.registry.updateDevices([fresh] as never, false);
    expect(responseBody).toMatchObject({ isSuccessful: true });
  });

  it("guards a twin by its etag", async () => {
    const { responseBody: twin } = await hub.registry.getTwin(deviceId);
    const updated = await hub.registry.updateTwin(deviceId, { tags: { run } }, twin.etag);
    expect(updated.responseBody.tags).toEqual({ run });
    expect((await statusOf(hub.registry.updateTwin(deviceId, { tags: { x: 1 } }, twin.etag)))[0]).toBe(412);
  });

  it("finds the device by a query, sooner or later", async () => {
    await until(async () => {
      const query = hub.registry.createQuery(`SELECT * FROM devices WHERE deviceId IN ['${deviceId}']`, 10);
      const { result } = await query.nextAsTwin();
      return result.length === 1;
    });
  });

  it("answers a method call to a device that is away, and to one that is not there", async () => {
    const call = (id: string) => hub.service.invokeDeviceMethod(id, { methodName: "report", payload: null });
    expect(await statusOf(call(deviceId))).toEqual([404, "DeviceNotOnline"]);
    expect(await statusOf(call(`${run}-nobody`))).toEqual([404, "DeviceNotFound"]);
  });

  it("runs a job over a condition", async () => {
    const job = { tags: { job: run }, etag: "*" };
    await hub.jobs.scheduleTwinUpdate(run, `deviceId IN ['${deviceId}']`, job, new Date(), 300);
    await until(async () => {
      const { jobStatus } = (await hub.jobs.getJob(run)) as { jobStatus: { status: string } };
      return jobStatus.status === "completed";
    });
    expect((await hub.registry.getTwin(deviceId)).responseBody.tags).toMatchObject({ job: run });
  });
});
