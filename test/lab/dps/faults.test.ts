import { selfSignedLeaf } from "../../../lab/pki/certificates";
import type { FaultEffect, ServiceCall } from "../../../lab/faults/faults";
import { at, enrollmentOf, rejection, startTestDps, type TestDps } from "../../support/lab-dps";

let lab: TestDps;
beforeEach(async () => {
  lab = await startTestDps();
});
afterEach(() => lab.stop());

const leaf = selfSignedLeaf({ commonName: "dev" });
const other = selfSignedLeaf({ commonName: "dev" });
const body = enrollmentOf("dev", leaf.certificatePem);
const fault = (operation: string, effect: FaultEffect, more = {}) => lab.dps.faults.add({ operation, effect, ...more });
const isPending = async (promise: Promise<unknown>, ms: number) => {
  const pending = Symbol("pending");
  promise.catch(() => undefined);
  return (await Promise.race([promise, new Promise((resolve) => setTimeout(resolve, ms, pending))])) === pending;
};

describe("a fault of the service API", () => {
  test.each([
    [400, "ArgumentError"],
    [401, "UnauthorizedError"],
    [404, "Error"],
    [412, "InvalidEtagError"],
    [429, "ThrottlingError"],
    [500, "InternalServerError"],
    [503, "ServiceUnavailableError"],
  ] as const)("answers %i, does nothing, and the SDK calls it %s", async (status, name) => {
    fault("dps.enrollment.put", { kind: "status", status, retryAfterSeconds: 7 });
    const error = await rejection(lab.service.createOrUpdateIndividualEnrollment(body as never));
    expect([error.name, at(error, "response", "statusCode")]).toEqual([name, status]);
    if (status === 429 || status === 503) expect(at(error, "response", "headers", "retry-after")).toBe("7");
    expect(lab.dps.store.enrollments.get("dev")).toBeUndefined();
    expect(lab.dps.faults.calls.get("dps.enrollment.put")).toBe(1);
  });

  test("hang: the SDK, which has no timeout, waits; nothing is done, and others are served", async () => {
    fault("dps.enrollment.put", { kind: "hang" });
    const hanging = lab.service.createOrUpdateIndividualEnrollment(body as never);
    expect(await isPending(hanging, 200)).toBe(true);
    expect((await lab.call("GET", "/enrollments/dev")).status).toBe(404);
  });

  test("reply lost: the work is done and the connection drops", async () => {
    fault("dps.enrollment.put", { kind: "reply-lost" }, { times: 1 });
    const error = await rejection(lab.service.createOrUpdateIndividualEnrollment(body as never));
    expect(at(error, "response")).toBeUndefined();
    expect(lab.dps.store.enrollments.get("dev")).toBeDefined();
  });

  test("acknowledged, not done: the answer is that of success and the old leaf still registers", async () => {
    lab.dps.store.seedEnrollment(body);
    fault("dps.enrollment.put", { kind: "acknowledged-not-done" });
    const written = await lab.call("PUT", "/enrollments/dev", enrollmentOf("dev", other.certificatePem), {
      "if-match": "*",
    });
    expect(written.status).toBe(200);
    const told = at(written.json, "attestation", "x509", "clientCertificates", "primary", "info", "sha256Thumbprint");
    expect(told).toBe(other.sha256Thumbprint);
    await expect(lab.mqtt("dev", leaf)).resolves.toMatchObject({ status: "assigned" });
  });

  test("latency delays, and a subject keeps a fault to one id", async () => {
    fault("dps.*", { kind: "latency", ms: 100 }, { subject: "slow" });
    expect(await isPending(lab.call("GET", "/enrollments/slow"), 60)).toBe(true);
    fault("dps.enrollment.get", { kind: "status", status: 500 }, { subject: "broken" });
    expect((await lab.call("GET", "/enrollments/broken")).status).toBe(500);
    expect((await lab.call("GET", "/enrollments/fine")).status).toBe(404);
  });

  test("of one item of a bulk operation leaves the others alone", async () => {
    const item = "dps.enrollment.bulk.item";
    fault(item, { kind: "status", status: 500 }, { subject: "b" });
    fault(item, { kind: "acknowledged-not-done" }, { subject: "c" });
    const enrollments = ["a", "b", "c"].map((id) => enrollmentOf(id, leaf.certificatePem));
    const { json } = await lab.call("POST", "/enrollments", { mode: "create", enrollments });
    expect(json).toMatchObject({ isSuccessful: false, errors: [{ registrationId: "b", errorCode: 500201 }] });
    expect(["a", "b", "c"].map((id) => lab.dps.store.enrollments.get(id) !== undefined)).toEqual([true, false, false]);
  });

  test("a hook sees each operation after it was done and before it is answered", async () => {
    const seen: (ServiceCall & { stored: boolean })[] = [];
    lab.dps.faults.observe((call) => {
      seen.push({ ...call, stored: lab.dps.store.enrollments.get("dev") !== undefined });
    });
    await lab.call("PUT", "/enrollments/dev", body);
    await lab.call("GET", "/enrollments/dev");
    expect(seen).toEqual([
      { operation: "dps.enrollment.put", subject: "dev", write: true, stored: true },
      { operation: "dps.enrollment.get", subject: "dev", write: false, stored: true },
    ]);
  });
});

describe("a fault of the device API", () => {
  beforeEach(() => {
    lab.dps.store.seedEnrollment(body);
  });

  test.each([500, 503, 429] as const)("%i is waited out by the SDK over MQTT", async (status) => {
    fault("dps.device.register", { kind: "status", status, retryAfterSeconds: 0.02 }, { times: 1 });
    fault("dps.device.poll", { kind: "status", status, retryAfterSeconds: 0.02 }, { times: 1 });
    await expect(lab.mqtt("dev", leaf)).resolves.toMatchObject({ status: "assigned" });
    expect(lab.dps.faults.calls.get("dps.device.register")).toBe(2);
  });

  test("at CONNECT 401 is return code 5 and 503 is 3", async () => {
    fault("dps.device.connect", { kind: "status", status: 401 }, { times: 1 });
    expect((await rejection(lab.mqtt("dev", leaf))).message).toMatch(/Not authorized/);
    fault("dps.device.connect", { kind: "status", status: 503 }, { times: 1 });
    expect((await rejection(lab.mqtt("dev", leaf))).message).toMatch(/unavailable/i);
  });

  test("acknowledged, not done: the device is told it is assigned, and the hub has nothing", async () => {
    fault("dps.device.register", { kind: "acknowledged-not-done" });
    await expect(lab.mqtt("dev", leaf)).resolves.toMatchObject({ status: "assigned", assignedHub: lab.hub.hostName });
    expect(lab.hub.has("dev")).toBe(false);
    expect(lab.dps.store.registrations.get("dev")).toBeUndefined();
  });

  test("hang: no answer comes, over both transports, and the service stops all the same", async () => {
    fault("dps.device.register", { kind: "hang" });
    expect(await isPending(lab.https("dev", leaf), 150)).toBe(true);
    expect(lab.dps.store.registrations.get("dev")).toBeUndefined();
  });

  test("in the write to the hub: refused, ignored, or never ending", async () => {
    fault("dps.hub.assign", { kind: "status", status: 500 }, { times: 1 });
    expect((await rejection(lab.https("dev", leaf))).name).toBe("ProvisioningRegistrationFailedError");
    expect(lab.dps.store.registrations.get("dev")).toMatchObject({ status: "failed", errorCode: 500201 });
    fault("dps.hub.assign", { kind: "acknowledged-not-done" }, { times: 1 });
    await expect(lab.https("dev", leaf)).resolves.toMatchObject({ status: "assigned" });
    expect(lab.hub.has("dev")).toBe(false);
    fault("dps.hub.assign", { kind: "hang" }, { times: 1 });
    expect(await isPending(lab.https("dev", leaf), 150)).toBe(true);
    expect(lab.dps.store.registrations.get("dev")?.status).toBe("assigning");
  });
});
