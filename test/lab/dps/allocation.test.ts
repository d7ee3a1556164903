import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, rejection } from "../../support/lab-dps";
import { startRegistrar, startWebhook, type Webhook } from "../../support/lab-dps-registrar";

const leaf = selfSignedLeaf({ commonName: "dev" });
const hubs = ["lab-hub.azure-devices.net", "lab-hub-2.azure-devices.net", "lab-hub-3.azure-devices.net"];
const [hubA, hubB] = hubs;

describe("allocation", () => {
  test("hashed spreads devices over all linked hubs and keeps each where it is", async () => {
    const dps = startRegistrar(hubs);
    const first = new Map<string, unknown>();
    for (let n = 0; n < 60; n += 1) {
      const device = selfSignedLeaf({ commonName: `d${n}` });
      dps.store.seedEnrollment(enrollmentOf(`d${n}`, device.certificatePem));
      first.set(`d${n}`, at(await dps.register(`d${n}`, device), "assignedHub"));
      expect(at(await dps.register(`d${n}`, device), "assignedHub")).toBe(first.get(`d${n}`));
    }
    for (const hub of dps.hubs) expect(hub.identities.size).toBeGreaterThan(8);
  });

  test("hashed stays within the hubs of the enrollment", async () => {
    const dps = startRegistrar(hubs);
    dps.store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem, null, { iotHubs: [hubB] }));
    await expect(dps.register("dev", leaf)).resolves.toMatchObject({ assignedHub: hubB });
  });

  test("static goes to the named hub; a hub that is not linked is refused when it is written", async () => {
    const dps = startRegistrar(hubs);
    const body = (host: string) =>
      enrollmentOf("dev", leaf.certificatePem, null, { allocationPolicy: "static", iotHubHostName: host });
    dps.store.seedEnrollment(body(hubB ?? ""));
    await expect(dps.register("dev", leaf)).resolves.toMatchObject({ assignedHub: hubB });
    const refused = await rejection(
      Promise.resolve().then(() => dps.store.seedEnrollment(body("x.azure-devices.net"))),
    );
    expect(refused["status"]).toBe(400);
    const nowhere = { ...enrollmentOf("dev", leaf.certificatePem), allocationPolicy: "static" };
    expect((await rejection(Promise.resolve().then(() => dps.store.seedEnrollment(nowhere))))["status"]).toBe(400);
  });
});

describe("custom allocation", () => {
  let webhook: Webhook | undefined;
  afterEach(() => webhook?.stop());

  async function withWebhook(answer: Parameters<typeof startWebhook>[0], changed = {}) {
    webhook = await startWebhook(answer);
    const dps = startRegistrar(hubs, { assignDelayMs: 0, ...changed });
    dps.store.seedEnrollment(
      enrollmentOf("dev", leaf.certificatePem, null, {
        allocationPolicy: "custom",
        customAllocationDefinition: { webhookUrl: webhook.url, apiVersion: "2021-10-01" },
        initialTwin: { tags: { from: "enrollment" } },
      }),
    );
    const register = async (payload?: unknown) => {
      const operation = dps.begin("dev", leaf, payload);
      for (;;) {
        await dps.pass(0);
        const { status, body } = operation.poll();
        if (status === 200) return body["registrationState"];
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    return { dps, register, requests: webhook.requests };
  }

  test("asks the webhook at each registration and hands its payload to the device", async () => {
    const { register, requests } = await withWebhook(() => ({
      status: 200,
      body: { iotHubHostName: hubB, payload: { hello: "device" } },
    }));
    await expect(register({ from: "device" })).resolves.toMatchObject({
      status: "assigned",
      assignedHub: hubB,
      payload: { hello: "device" },
    });
    expect(requests[0]).toMatchObject({
      individualEnrollment: { registrationId: "dev" },
      deviceRuntimeContext: { registrationId: "dev", payload: { from: "device" }, x509: {} },
      linkedHubs: hubs,
    });
    expect(at(requests[0], "deviceRuntimeContext", "currentIotHubHostName")).toBeUndefined();
    await register();
    expect(at(requests[1], "deviceRuntimeContext")).toMatchObject({
      currentIotHubHostName: hubB,
      currentDeviceId: "dev",
    });
  });

  test("an initial twin in the answer overwrites the twin, whatever the policy", async () => {
    const { dps, register } = await withWebhook(() => ({
      status: 200,
      body: { iotHubHostName: hubA, initialTwin: { tags: { from: "webhook" } } },
    }));
    await register();
    const hub = dps.hubs[0];
    hub?.identities.set("dev", { ...hub.identities.get("dev")!, twin: { tags: { lived: true } } });
    await register();
    expect(hub?.identities.get("dev")?.twin).toEqual({ tags: { from: "webhook" } });
  });

  test("tells the webhook about the certificate only by switch", async () => {
    const { register, requests } = await withWebhook(() => ({ status: 200, body: { iotHubHostName: hubA } }), {
      webhookX509: "info",
    });
    await register();
    expect(at(requests[0], "deviceRuntimeContext", "x509", "sha256Thumbprint")).toBe(leaf.sha256Thumbprint);
  });

  test.each([
    ["another status than 200", { status: 500, body: {} }],
    ["a hub that is not linked", { status: 200, body: { iotHubHostName: "x.azure-devices.net" } }],
    ["no hub", { status: 200, body: { hub: 1 } }],
    ["nothing in time", undefined],
  ])("fails the registration with 400207 on %s", async (_what, answer) => {
    const { dps, register } = await withWebhook(() => answer, { webhookTimeoutMs: 100 });
    await expect(register()).resolves.toMatchObject({ status: "failed", errorCode: 400207 });
    expect(dps.hubs.every((hub) => hub.identities.size === 0)).toBe(true);
  });
});
