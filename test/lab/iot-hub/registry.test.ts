import { startHarness, tokenFor, type HubHarness, type RawAnswer } from "./harness";

let lab: HubHarness;

beforeAll(async () => {
  lab = await startHarness();
});

afterAll(async () => {
  await lab.stop();
});

const thumbprintA = "A".repeat(64);
const thumbprintB = "B".repeat(64);

function x509(primaryThumbprint: string, secondaryThumbprint: string | null = null) {
  return { authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint, secondaryThumbprint } } };
}

async function created(deviceId: string) {
  const { responseBody } = await lab.registry.create({ deviceId, ...x509(thumbprintA) });
  return responseBody;
}

function messageOf({ body }: RawAnswer): string {
  return (body as { Message: string }).Message;
}

/** What a promise of the SDK was rejected with. */
async function failure(promise: Promise<unknown>) {
  try {
    await promise;
  } catch (error) {
    return error as Error & { response: { statusCode: number; headers: Record<string, string> }; responseBody: string };
  }
  throw new Error("It was not refused.");
}

describe("the identity registry, by its official SDK", () => {
  it("creates a device, shows it whole and refuses to create it again", async () => {
    const device = await created("reg-001");
    expect(device).toMatchObject({
      deviceId: "reg-001",
      status: "enabled",
      connectionState: "Disconnected",
      authentication: {
        type: "selfSigned",
        x509Thumbprint: { primaryThumbprint: thumbprintA, secondaryThumbprint: null },
        symmetricKey: { primaryKey: null, secondaryKey: null },
      },
      capabilities: { iotEdge: false },
      cloudToDeviceMessageCount: 0,
      connectionStateUpdatedTime: "0001-01-01T00:00:00",
    });
    const again = await failure(created("reg-001"));
    expect(again.name).toBe("DeviceAlreadyExistsError");
    expect(again.response.headers["iothub-errorcode"]).toBe("DeviceAlreadyExists");
    expect(again.message).toBe("A device with ID 'reg-001' is already registered.");
  });

  it("answers 404 in the form that the SDK understands", async () => {
    expect((await failure(lab.registry.get("nobody"))).name).toBe("DeviceNotFoundError");
    expect((await failure(lab.registry.update({ deviceId: "nobody" }))).name).toBe("DeviceNotFoundError");
    expect((await failure(lab.registry.delete("nobody"))).name).toBe("DeviceNotFoundError");
  });

  it("takes device ids as case-sensitive and with every character they may have", async () => {
    const odd = "aZ0-:.+%_#*?!(),=@;$'";
    await created(odd);
    expect((await lab.registry.get(odd)).responseBody.deviceId).toBe(odd);
    await created("Case");
    await created("case");
    await expect(lab.raw("PUT", "/devices/a%20b", { deviceId: "a b" })).resolves.toMatchObject({ status: 400 });
  });

  it("turns a device into one with keys when an update brings no authentication, as the SDK's own does", async () => {
    await created("reg-trap");
    const { responseBody } = await lab.registry.update({ deviceId: "reg-trap", status: "disabled" });
    expect(responseBody.authentication).toMatchObject({ type: "sas", x509Thumbprint: { primaryThumbprint: null } });
    expect(responseBody.status).toBe("disabled");
  });

  it("gives a new etag to each write, and a new generation to an id that comes back", async () => {
    const first = await created("reg-gen");
    const { etag, generationId } = first;
    const updated = await lab.registry.update(Object.assign(first, { statusReason: "why" }));
    expect(updated.responseBody.etag).not.toBe(etag);
    expect(updated.responseBody.generationId).toBe(generationId);
    await lab.registry.delete("reg-gen");
    const second = await created("reg-gen");
    expect(BigInt(second.generationId!)).toBeGreaterThan(BigInt(generationId!));
  });

  it("honours If-Match with the quoted etag of a device", async () => {
    const device = await created("reg-match");
    const body = { deviceId: "reg-match", ...x509(thumbprintB) };
    const stale = await lab.raw("PUT", "/devices/reg-match", body, { "if-match": '"bm9wZQ=="' });
    expect(stale.status).toBe(412);
    expect(messageOf(stale)).toMatch(/^ErrorCode:PreconditionFailed;/);
    const fresh = await lab.raw("PUT", "/devices/reg-match", body, { "if-match": `"${device.etag!}"` });
    expect(fresh.status).toBe(200);
    expect((await lab.raw("DELETE", "/devices/reg-match", undefined, { "if-match": `"${device.etag!}"` })).status).toBe(
      412,
    );
    expect((await lab.raw("DELETE", "/devices/reg-match", undefined, { "if-match": '"*"' })).status).toBe(204);
  });

  it.each<[string, unknown]>([
    ["a thumbprint that is none", x509("XYZ")],
    ["self-signed without a thumbprint", { authentication: { type: "selfSigned" } }],
    ["an unknown status", { status: "asleep" }],
    ["a status reason above 128 characters", { statusReason: "x".repeat(129) }],
    ["another device id than the path", { deviceId: "other" }],
    ["no object", "text"],
  ])("refuses %s with 400 and a reason", async (_name, body) => {
    const answer = await lab.raw("PUT", "/devices/reg-bad", typeof body === "string" ? '"text"' : body);
    expect(answer.status).toBe(400);
    expect(messageOf(answer)).toMatch(/^ErrorCode:ArgumentInvalid;.+/);
    expect(lab.hub.store.device("reg-bad")).toBeUndefined();
  });

  it("answers 400 to a body that is not JSON, to a missing api-version, 404 and 405 elsewhere", async () => {
    expect((await lab.raw("PUT", "/devices/x", "{not json")).status).toBe(400);
    expect((await lab.raw("GET", "/devices/x?api-version=")).status).not.toBe(500);
    expect((await lab.raw("GET", "/nowhere")).status).toBe(404);
    expect((await lab.raw("PATCH", "/devices/x")).status).toBe(405);
  });

  it("lets nobody in without a good token", async () => {
    const wrongKey = lab.hub.connectionString.replace(/SharedAccessKey=.*/, "SharedAccessKey=d3Jvbmc=");
    const tokens = [
      "",
      "Basic abc",
      tokenFor(wrongKey),
      tokenFor(lab.hub.connectionString, "other-hub.azure-devices.net"),
      tokenFor(lab.hub.connectionString, undefined, -10),
    ];
    for (const authorization of tokens) {
      const answer = await lab.raw("GET", "/devices/reg-001", undefined, { authorization });
      expect(answer).toMatchObject({ status: 401, headers: { "iothub-errorcode": "IotHubUnauthorizedAccess" } });
    }
    expect((await lab.raw("GET", "/devices/reg-001", undefined, { authorization: "Bearer lab" })).status).toBe(200);
  });
});

describe("bulk writes", () => {
  it("does each item by itself, and answers 400 with the list when one was refused", async () => {
    await created("bulk-1");
    const { responseBody } = await lab.registry.addDevices([
      { deviceId: "bulk-2", ...x509(thumbprintA) },
      { deviceId: "bulk-3", ...x509(thumbprintA) },
    ] as never);
    expect(responseBody).toMatchObject({ isSuccessful: true, errors: [] });
    const mixed = await failure(
      lab.registry.addDevices([
        { deviceId: "bulk-1", ...x509(thumbprintA) },
        { deviceId: "bulk-4", ...x509(thumbprintA) },
      ] as never),
    );
    expect(mixed.name).toBe("ArgumentError");
    expect(JSON.parse(mixed.responseBody)).toMatchObject({
      isSuccessful: false,
      errors: [{ deviceId: "bulk-1", errorCode: 409001, operation: "create" }],
    });
    expect(lab.hub.store.device("bulk-4")).toBeDefined();
  });

  it("guards each item by its own etag", async () => {
    const fresh = await created("bulk-etag-1");
    await created("bulk-etag-2");
    const answer = await failure(
      lab.registry.updateDevices(
        [
          { deviceId: "bulk-etag-1", etag: fresh.etag, ...x509(thumbprintB) },
          { deviceId: "bulk-etag-2", etag: "bm9wZQ==", ...x509(thumbprintB) },
        ] as never,
        false,
      ),
    );
    expect(JSON.parse(answer.responseBody)).toMatchObject({
      errors: [{ deviceId: "bulk-etag-2", errorCode: 412001, operation: "UpdateIfMatchETag" }],
    });
    const thumbprint = (id: string) => lab.hub.store.device(id)?.identity.authentication.primaryThumbprint;
    expect([thumbprint("bulk-etag-1"), thumbprint("bulk-etag-2")]).toEqual([thumbprintB, thumbprintA]);
  });

  it("updates twins, deletes, and takes names and modes in any case", async () => {
    await created("bulk-5");
    const patch = [{ ID: "bulk-5", IMPORTMODE: "UpdateTwin", tags: { site: "A" }, properties: { desired: { x: 1 } } }];
    expect((await lab.raw("POST", "/devices", patch)).status).toBe(200);
    expect(lab.hub.store.device("bulk-5")?.twin).toMatchObject({ tags: { site: "A" }, desired: { values: { x: 1 } } });
    await lab.registry.removeDevices([{ deviceId: "bulk-5" }], true);
    expect(lab.hub.store.device("bulk-5")).toBeUndefined();
  });

  it("refuses the whole request when a device appears twice, when it is empty or too large", async () => {
    const item = (id: string) => ({ id, importMode: "create", ...x509(thumbprintA) });
    const twice = await lab.raw("POST", "/devices", [item("twice"), item("twice")]);
    expect(twice).toMatchObject({ status: 400, headers: { "iothub-errorcode": "DeviceDefinedMultipleTimes" } });
    expect(lab.hub.store.device("twice")).toBeUndefined();
    expect((await lab.raw("POST", "/devices", [])).status).toBe(400);
    const many = Array.from({ length: 101 }, (_unused, index) => item(`many-${index}`));
    expect((await lab.raw("POST", "/devices", many)).status).toBe(413);
  });
});

describe("modules, lists and statistics", () => {
  it("keeps modules with credentials of their own under a device, and takes them away with it", async () => {
    await created("mod-dev");
    await lab.registry.addModule({ deviceId: "mod-dev", moduleId: "m1", ...x509(thumbprintB) } as never);
    const { responseBody } = await lab.registry.getModule("mod-dev", "m1");
    expect(responseBody).toMatchObject({ deviceId: "mod-dev", moduleId: "m1", authentication: { type: "selfSigned" } });
    expect((await lab.registry.getModulesOnDevice("mod-dev")).responseBody).toHaveLength(1);
    expect((await failure(lab.registry.getModule("mod-dev", "m2"))).response.statusCode).toBe(404);
    expect((await failure(lab.registry.addModule({ deviceId: "nobody", moduleId: "m" }))).response.statusCode).toBe(
      404,
    );
    await lab.registry.delete("mod-dev");
    expect(lab.hub.store.module("mod-dev", "m1")).toBeUndefined();
  });

  it("lists at most a thousand devices, and fewer when asked", async () => {
    const listed = await lab.registry.list();
    expect(listed.responseBody.length).toBe(lab.hub.store.size);
    expect((await lab.raw("GET", "/devices?top=2")).body).toHaveLength(2);
    for (let i = 0; i < 1_001; i += 1) {
      lab.hub.store.seed(`list-${i}`, {
        authentication: {
          type: "none",
          primaryThumbprint: null,
          secondaryThumbprint: null,
          primaryKey: null,
          secondaryKey: null,
        },
      });
    }
    expect((await lab.registry.list()).responseBody).toHaveLength(1_000);
  });

  it("counts devices by status", async () => {
    const before = (await lab.registry.getRegistryStatistics()).responseBody as { totalDeviceCount: number };
    await created("counted");
    await lab.raw("PUT", "/devices/counted", { status: "disabled", ...x509(thumbprintA) }, { "if-match": "*" });
    const after = (await lab.registry.getRegistryStatistics()).responseBody;
    expect(after).toMatchObject({ totalDeviceCount: before.totalDeviceCount + 1 });
    expect((after as { disabledDeviceCount: number }).disabledDeviceCount).toBeGreaterThan(0);
  });
});

describe("twins, as a service sees them", () => {
  it("shows thumbprints, status and the identity's etag, and starts at version 2", async () => {
    const device = await created("twin-1");
    const { responseBody } = await lab.registry.getTwin("twin-1");
    expect(responseBody).toMatchObject({
      deviceId: "twin-1",
      etag: "AAAAAAAAAAE=",
      deviceEtag: device.etag,
      status: "enabled",
      authenticationType: "selfSigned",
      x509Thumbprint: { primaryThumbprint: thumbprintA, secondaryThumbprint: null },
      version: 2,
      tags: {},
      properties: { desired: { $version: 1 }, reported: { $version: 1 } },
    });
  });

  it("merges a patch, removes what is null, and guards by etag", async () => {
    await created("twin-2");
    const first = await lab.registry.updateTwin(
      "twin-2",
      { tags: { site: "A", floor: 1 }, properties: { desired: { a: { b: 1, c: 2 } } } },
      "*",
    );
    const patch = { tags: { floor: null }, properties: { desired: { a: { b: null, d: 3 } } } };
    const second = await lab.registry.updateTwin("twin-2", patch, first.responseBody.etag);
    expect(second.responseBody).toMatchObject({
      version: 4,
      tags: { site: "A" },
      properties: { desired: { a: { c: 2, d: 3 }, $version: 3 } },
    });
    expect(second.responseBody.tags).not.toHaveProperty("floor");
    const stale = await failure(lab.registry.updateTwin("twin-2", { tags: { x: 1 } }, first.responseBody.etag));
    expect(stale.response.statusCode).toBe(412);
    expect(stale.name).toBe("InvalidEtagError");
  });

  it("replaces a twin by PUT", async () => {
    await created("twin-3");
    await lab.registry.updateTwin("twin-3", { tags: { old: true } }, "*");
    const answer = await lab.raw("PUT", "/twins/twin-3", { tags: { new: true }, properties: { desired: { x: 1 } } });
    expect(answer.body).toMatchObject({ tags: { new: true }, properties: { desired: { x: 1 } } });
    expect(lab.hub.store.device("twin-3")?.twin.tags).toEqual({ new: true });
  });

  it.each<[string, Record<string, unknown>]>([
    ["a key with a dot", { "a.b": 1 }],
    ["a string above 4 KB", { a: "x".repeat(4_097) }],
    ["tags above 8 KB", { a: "x".repeat(4_000), b: "x".repeat(4_000), c: "x".repeat(400) }],
    ["an integer that a double cannot carry in Azure", { a: 4_503_599_627_370_497 }],
    ["more than ten levels", { a: { a: { a: { a: { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } } } } } }],
  ])("refuses %s", async (_name, tags) => {
    await created("twin-limit").catch(() => undefined);
    const answer = await lab.raw("PATCH", "/twins/twin-limit", { tags });
    expect([400, 413]).toContain(answer.status);
    expect(lab.hub.store.device("twin-limit")?.twin.tags).toEqual({});
  });
});
