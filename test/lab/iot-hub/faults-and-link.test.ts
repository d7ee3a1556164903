import type { FaultEffect } from "../../../lab/faults/faults";
import { x509Authentication } from "../../../lab/iot-hub/identity";
import { startHarness, until, type HubHarness } from "./harness";

let lab: HubHarness;

beforeEach(async () => {
  lab = await startHarness();
});

afterEach(async () => {
  await lab.stop();
});

const oldLeaf = "A".repeat(64);
const newLeaf = "B".repeat(64);

function seeded(deviceId: string, status: "enabled" | "disabled" = "enabled") {
  return lab.hub.store.seed(deviceId, { authentication: x509Authentication(oldLeaf), status });
}

function thumbprints(deviceId: string) {
  const authentication = lab.hub.store.device(deviceId)?.identity.authentication;
  return [authentication?.primaryThumbprint, authentication?.secondaryThumbprint];
}

const replacement = {
  type: "selfSigned",
  x509Thumbprint: { primaryThumbprint: newLeaf, secondaryThumbprint: newLeaf },
};

describe("a hub that acknowledges a write and does not do it", () => {
  it("answers a PUT as if it had, and keeps what was", async () => {
    seeded("dev-1");
    lab.faults.add({ operation: "hub.registry.put", effect: { kind: "acknowledged-not-done" } });
    const answer = await lab.raw("PUT", "/devices/dev-1", { authentication: replacement }, { "if-match": "*" });
    expect(answer).toMatchObject({ status: 200, body: { authentication: replacement } });
    expect(thumbprints("dev-1")).toEqual([oldLeaf, null]);
  });

  it("answers a bulk write as if it had; or ignores only the devices it was told to", async () => {
    seeded("dev-1");
    seeded("dev-2");
    const items = ["dev-1", "dev-2"].map((id) => ({ id, importMode: "update", authentication: replacement }));
    const undo = lab.faults.add({ operation: "hub.registry.bulk", effect: { kind: "acknowledged-not-done" } });
    expect(await lab.raw("POST", "/devices", items)).toMatchObject({ status: 200, body: { isSuccessful: true } });
    expect([thumbprints("dev-1"), thumbprints("dev-2")]).toEqual([
      [oldLeaf, null],
      [oldLeaf, null],
    ]);
    undo();
    lab.faults.add({
      operation: "hub.registry.bulk.item",
      subject: "dev-1",
      effect: { kind: "acknowledged-not-done" },
    });
    expect((await lab.raw("POST", "/devices", items)).status).toBe(200);
    expect([thumbprints("dev-1"), thumbprints("dev-2")]).toEqual([
      [oldLeaf, null],
      [newLeaf, newLeaf],
    ]);
  });

  it("does not touch a twin, a deletion or a method either", async () => {
    seeded("dev-1");
    lab.faults.add({ operation: "hub.*", effect: { kind: "acknowledged-not-done" } });
    expect((await lab.raw("PATCH", "/twins/dev-1", { tags: { a: 1 } })).body).toMatchObject({ tags: { a: 1 } });
    expect((await lab.raw("DELETE", "/devices/dev-1")).status).toBe(204);
    expect((await lab.raw("POST", "/twins/dev-1/methods", { methodName: "m" })).status).toBe(200);
    expect(lab.hub.store.device("dev-1")?.twin.tags).toEqual({});
  });
});

describe("a fault of the service API", () => {
  it.each<[number, string]>([
    [429, "ThrottlingBacklogTimeout"],
    [500, "ServerError"],
    [503, "ServiceUnavailable"],
    [412, "PreconditionFailed"],
  ])("shows status %s in the hub's form, and does nothing", async (status, name) => {
    seeded("dev-1");
    const effect = { kind: "status", status } as FaultEffect;
    lab.faults.add({ operation: "hub.registry.put", effect, times: 1 });
    const put = () => lab.raw("PUT", "/devices/dev-1", { authentication: replacement }, { "if-match": "*" });
    expect(await put()).toMatchObject({ status, headers: { "iothub-errorcode": name } });
    expect(thumbprints("dev-1")).toEqual([oldLeaf, null]);
    expect((await put()).status).toBe(200);
  });

  it("can lose the answer after the work was done", async () => {
    seeded("dev-1");
    lab.faults.add({ operation: "hub.registry.put", effect: { kind: "reply-lost" }, times: 1 });
    const put = lab.raw("PUT", "/devices/dev-1", { authentication: replacement }, { "if-match": "*" });
    await expect(put).rejects.toThrow(/socket hang up|ECONNRESET/);
    expect(thumbprints("dev-1")).toEqual([newLeaf, newLeaf]);
  });

  it("can hang, and can be slow", async () => {
    seeded("dev-1");
    lab.faults.add({ operation: "hub.registry.get", effect: { kind: "hang" }, times: 1 });
    let answered = false;
    const hanging = lab.raw("GET", "/devices/dev-1").then(
      () => (answered = true),
      () => undefined,
    );
    lab.faults.add({ operation: "hub.twin.get", effect: { kind: "latency", ms: 50 }, times: 1 });
    expect((await lab.raw("GET", "/twins/dev-1")).status).toBe(200);
    expect(answered).toBe(false);
    await lab.hub.stop();
    await hanging;
  });

  it("tells observers of a write after it is done and before it is answered", async () => {
    seeded("dev-1");
    const seen: unknown[] = [];
    lab.faults.observe((call) => {
      seen.push([call.operation, call.subject, call.write, thumbprints("dev-1")[0]]);
    });
    await lab.raw("PUT", "/devices/dev-1", { authentication: replacement }, { "if-match": "*" });
    expect(seen).toEqual([["hub.registry.put", "dev-1", true, newLeaf]]);
    expect(lab.faults.calls.get("hub.registry.put")).toBe(1);
  });

  it("can keep devices out", async () => {
    const leaf = lab.provision("dev-1");
    lab.faults.add({ operation: "hub.device.connect", effect: { kind: "status", status: 503 }, times: 1 });
    await expect(lab.mqtt("dev-1", leaf)).rejects.toMatchObject({ code: 3 });
    await lab.mqtt("dev-1", leaf);
  });
});

describe("the door for DPS", () => {
  const assignment = { deviceId: "dev-1", sha256Thumbprint: newLeaf, iotEdge: false, resetTwin: false };

  it("creates an identity with the leaf in both slots and the initial twin", async () => {
    expect(lab.hub.link.has("dev-1")).toBe(false);
    await lab.hub.link.assign({ ...assignment, twin: { tags: { fleet: "eu" }, properties: { desired: { x: 1 } } } });
    expect(thumbprints("dev-1")).toEqual([newLeaf, newLeaf]);
    expect(lab.hub.store.device("dev-1")).toMatchObject({
      identity: { status: "enabled", authentication: { type: "selfSigned" } },
      twin: { tags: { fleet: "eu" }, desired: { values: { x: 1 } } },
    });
  });

  it("rewrites both slots of an existing identity, and its twin only when told to reset it", async () => {
    seeded("dev-1");
    const generation = lab.hub.store.device("dev-1")!.identity.generationId;
    await lab.hub.link.assign({ ...assignment, twin: { tags: { ignored: true } } });
    expect(thumbprints("dev-1")).toEqual([newLeaf, newLeaf]);
    expect(lab.hub.store.device("dev-1")!.identity.generationId).toBe(generation);
    expect(lab.hub.store.device("dev-1")!.twin.tags).toEqual({});
    await lab.hub.link.assign({ ...assignment, twin: { tags: { reset: true } }, resetTwin: true });
    expect(lab.hub.store.device("dev-1")!.twin.tags).toEqual({ reset: true });
  });

  it.each<["leave" | "enable" | "refuse", string, string]>([
    ["leave", "disabled", newLeaf],
    ["enable", "enabled", newLeaf],
    ["refuse", "disabled", oldLeaf],
  ])("treats a disabled identity as the switch says: %s", async (disabledOnAssign, status, thumbprint) => {
    lab.hub.switches.disabledOnAssign = disabledOnAssign;
    seeded("dev-1", "disabled");
    await lab.hub.link.assign(assignment).catch(() => undefined);
    expect(lab.hub.store.device("dev-1")!.identity.status).toBe(status);
    expect(thumbprints("dev-1")[0]).toBe(thumbprint);
  });

  it("hands out the twin of a device that moves away", async () => {
    seeded("dev-1");
    await lab.raw("PATCH", "/twins/dev-1", { tags: { a: 1 }, properties: { desired: { b: 2 } } });
    expect(await lab.hub.link.remove("dev-1")).toEqual({
      tags: { a: 1 },
      properties: { desired: { b: 2 }, reported: {} },
    });
    expect(lab.hub.link.has("dev-1")).toBe(false);
  });

  it("shows faults, and the throttle when assignments count against it", async () => {
    lab.faults.add({ operation: "hub.assign", effect: { kind: "status", status: 503 }, times: 1 });
    await expect(lab.hub.link.assign(assignment)).rejects.toMatchObject({ status: 503 });
    Object.assign(lab.hub.quotas, { enabled: true, tier: "S1", units: 1 });
    const assignments = Array.from({ length: 101 }, (_unused, index) =>
      lab.hub.link.assign({ ...assignment, deviceId: `many-${index}` }),
    );
    const outcomes = await Promise.allSettled(assignments);
    expect(outcomes.filter((outcome) => outcome.status === "rejected")).toHaveLength(1);
    lab.hub.switches.assignCountsAsRegistryWrite = false;
    await lab.hub.link.assign(assignment);
  });
});

describe("throttles", () => {
  it("count a bulk write by its devices and answer 429 as documented, with Retry-After only by switch", async () => {
    Object.assign(lab.hub.quotas, { enabled: true, tier: "S1", units: 1 });
    const items = (from: number, count: number) =>
      Array.from({ length: count }, (_unused, index) => ({
        id: `q-${from + index}`,
        importMode: "create",
        authentication: replacement,
      }));
    expect((await lab.raw("POST", "/devices", items(0, 90))).status).toBe(200);
    const refused = await lab.raw("POST", "/devices", items(90, 50));
    expect(refused).toMatchObject({
      status: 429,
      headers: { "iothub-errorcode": "ThrottlingBacklogTimeout" },
      body: {
        Message:
          "ErrorCode:ThrottlingBacklogTimeout;The request has been throttled. Wait 10 seconds and try again. Operation type: CRUD",
      },
    });
    expect(refused.headers["retry-after"]).toBeUndefined();
    lab.hub.switches.retryAfterOnThrottle = true;
    expect((await lab.raw("POST", "/devices", items(90, 50))).headers["retry-after"]).toBe("10");
    Object.assign(lab.hub.quotas, { timeScale: 6_000 });
    await until(async () => (await lab.raw("POST", "/devices", items(90, 10))).status === 200);
  });

  it("have meters of their own for twins, queries and methods, and grow with tier and units", async () => {
    seeded("dev-1");
    Object.assign(lab.hub.quotas, { enabled: true, tier: "S1", units: 1, timeScale: 0.001 });
    const answers = await Promise.all(Array.from({ length: 120 }, () => lab.raw("GET", "/twins/dev-1")));
    expect(answers.some((answer) => answer.status === 429)).toBe(true);
    expect((await lab.raw("GET", "/devices/dev-1")).status).toBe(200);
    Object.assign(lab.hub.quotas, { tier: "S3" });
    const more = await Promise.all(Array.from({ length: 120 }, () => lab.raw("GET", "/twins/dev-1")));
    expect(more.every((answer) => answer.status === 200)).toBe(true);
  });
});
