import fc from "fast-check";
import { DeviceId, RollId } from "../../../shared/domain/ids";
import { instant } from "../../../shared/domain/instant";
import type { Problem } from "../../../shared/domain/outcome";
import type { Claim } from "../../../shared/domain/roll/claim";
import { createImportDevices } from "../../../shared/use-cases/registry/import-devices";
import { createRegistry, type RegistryDeps } from "../../../shared/use-cases/registry/registry";
import { FakeAzure } from "../../support/fake-azure";
import { MemoryDeviceDataStore } from "../../support/memory-devices";

const now = instant(Date.UTC(2026, 0, 1));
const A = "A".repeat(64);
const B = "B".repeat(64);
const rollId = RollId.parse("20260101T000000000Z-0000abcd");
const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

function aBed(hubNames?: readonly string[]) {
  const azure = new FakeAzure({ clock: { now: () => now }, ...(hubNames === undefined ? {} : { hubNames }) });
  const claimed = new Map<string, Claim>();
  const deps: RegistryDeps = {
    clock: { now: () => now },
    hubs: azure.hubs,
    devices: new MemoryDeviceDataStore(),
    targetClaims: {
      holders: (_kind, ids) => Promise.resolve(new Map([...claimed].filter(([id]) => ids.includes(id)))),
    },
  };
  const registry = createRegistry(deps);
  const pump = DeviceId.parse("Pump-1");
  const etag = (): string => `"${azure.hub().identity(pump)?.etag ?? ""}"`;
  return { azure, deps, claimed, registry, importDevices: createImportDevices(deps), pump, etag };
}

const on = (deviceId: string, ifMatch: string | undefined, body: unknown = {}) => ({
  hub: undefined,
  deviceId,
  ifMatch,
  body: bytes(body),
});
const codeOf = (answer: object): string => ("code" in answer ? (answer as Problem).code : "none");

describe("the registry", () => {
  it("creates, reads, changes and deletes a device, each change in the version that was read", async () => {
    const { azure, registry, pump, etag } = aBed();
    const made = await registry.create({
      hub: undefined,
      body: bytes({ deviceId: "Pump-1", primaryThumbprint: A.toLowerCase(), metadata: { site: "hall 3" } }),
    });
    expect(made).toMatchObject({
      deviceId: "Pump-1",
      status: "enabled",
      primaryThumbprint: A,
      secondaryThumbprint: A,
      data: { generations: 1, metadata: { site: "hall 3" } },
    });
    const first = etag();
    const changed = await registry.change(on("Pump-1", first, { secondaryThumbprint: B, statusReason: "spare part" }));
    expect(changed).toMatchObject({ primaryThumbprint: A, secondaryThumbprint: B, statusReason: "spare part" });
    expect(codeOf(await registry.change(on("Pump-1", first, { status: "disabled" })))).toBe("etag-changed");
    expect(
      await registry.change(on("Pump-1", etag(), { secondaryThumbprint: null, statusReason: null })),
    ).not.toHaveProperty("statusReason");
    expect(azure.hub().identity(pump)?.secondaryThumbprint).toBeUndefined();
    expect(codeOf(await registry.delete({ hub: undefined, deviceId: "Pump-1", ifMatch: first }))).toBe("etag-changed");
    expect(await registry.delete({ hub: undefined, deviceId: "Pump-1", ifMatch: etag() })).toEqual({
      outcome: "deleted",
    });
    expect(codeOf(await registry.read({ hub: undefined, deviceId: "Pump-1" }))).toBe("unknown-device");
  });

  it("disables with a reason and enables again; everything else stays", async () => {
    const { azure, registry, pump, etag } = aBed();
    azure.addIdentity({ deviceId: pump, primaryThumbprint: A, secondaryThumbprint: B, iotEdge: true });
    expect(await registry.disable(on("Pump-1", etag(), { reason: "reported stolen" }))).toMatchObject({
      status: "disabled",
      statusReason: "reported stolen",
      primaryThumbprint: A,
      secondaryThumbprint: B,
      iotEdge: true,
    });
    expect(await registry.enable(on("Pump-1", etag(), {}))).toMatchObject({ status: "enabled" });
    expect(azure.hub().identity(pump)).toMatchObject({ status: "enabled", statusReason: undefined, iotEdge: true });
  });

  it("loses a race to whoever wrote between its read and its write", async () => {
    const { azure, deps, pump, etag } = aBed();
    azure.addIdentity({ deviceId: pump, primaryThumbprint: A });
    const racing = createRegistry({
      ...deps,
      hubs: {
        ...azure.hubs,
        hub: (name) => ({
          ...azure.hubs.hub(name),
          writeIdentities: (writes) => {
            // DPS writes another leaf just now.
            azure.hub().assign(pump, B);
            return azure.hubs.hub(name).writeIdentities(writes);
          },
        }),
      },
    });
    expect(codeOf(await racing.change(on("Pump-1", etag(), { status: "disabled" })))).toBe("etag-changed");
    expect(azure.hub().identity(pump)).toMatchObject({ primaryThumbprint: B, status: "enabled" });
  });

  it("leaves a device alone that an open roll has, except to cut it off", async () => {
    const { azure, registry, claimed, pump, etag } = aBed();
    azure.addIdentity({ deviceId: pump, primaryThumbprint: A });
    claimed.set("pump-1", { rollId, priority: 1 });
    expect(codeOf(await registry.enable(on("Pump-1", etag())))).toBe("claimed-by-roll");
    expect(codeOf(await registry.change(on("Pump-1", etag(), { primaryThumbprint: B })))).toBe("claimed-by-roll");
    expect(codeOf(await registry.delete({ hub: undefined, deviceId: "Pump-1", ifMatch: etag() }))).toBe(
      "claimed-by-roll",
    );
    expect(await registry.disable(on("Pump-1", etag(), { reason: "stolen" }))).toMatchObject({ status: "disabled" });
  });

  it("does not turn a device with shared keys into another kind", async () => {
    const { azure, registry, pump, etag } = aBed();
    azure.addIdentity({ deviceId: pump, primaryThumbprint: A, authentication: "sas" });
    expect(codeOf(await registry.disable(on("Pump-1", etag(), { reason: "stolen" })))).toBe("not-x509");
    expect(azure.hub().identity(pump)?.authentication).toBe("sas");
  });

  it("keeps notes about a device in its own store: the identity and its version stay, another device of the name loses them", async () => {
    const { azure, registry, pump, etag } = aBed();
    azure.addIdentity({ deviceId: pump, primaryThumbprint: A });
    const before = etag();
    expect(await registry.change(on("Pump-1", before, { metadata: { site: "hall 3" } }))).toMatchObject({
      data: { metadata: { site: "hall 3" } },
    });
    expect(etag()).toBe(before);
    expect(await registry.read({ hub: undefined, deviceId: "Pump-1" })).toMatchObject({
      data: { metadata: { site: "hall 3" } },
    });
    azure.hub().remove(pump);
    azure.addIdentity({ deviceId: pump, primaryThumbprint: A });
    expect(await registry.read({ hub: undefined, deviceId: "Pump-1" })).toMatchObject({
      data: { generations: 2, metadata: {} },
    });
  });

  it("asks which hub where there are several, and knows no others", async () => {
    const { azure, registry, pump } = aBed(["one.azure-devices.net", "two.azure-devices.net"]);
    azure.hub("two.azure-devices.net").add({ deviceId: pump, primaryThumbprint: A });
    expect(codeOf(await registry.list(undefined))).toBe("hub-needed");
    expect(codeOf(await registry.list("three.azure-devices.net"))).toBe("unknown-hub");
    expect(await registry.list("TWO.azure-devices.net")).toMatchObject({
      complete: true,
      devices: [{ deviceId: "Pump-1" }],
    });
    expect(codeOf(await registry.read({ hub: "one.azure-devices.net", deviceId: "Pump-1" }))).toBe("unknown-device");
  });

  it("says that a list of a thousand may not be all", async () => {
    const { azure, registry } = aBed();
    for (let i = 0; i < 1_001; i += 1) azure.addIdentity({ deviceId: DeviceId.parse(`d${i}`), primaryThumbprint: A });
    const listed = await registry.list(undefined);
    expect(listed).toMatchObject({ complete: false });
    expect((listed as { devices: unknown[] }).devices).toHaveLength(1_000);
  });

  it.each<[string, string | undefined, string]>([
    ["no If-Match", undefined, "etag-needed"],
    ["a star", "*", "invalid-if-match"],
    ["an ETag without quotes", "MQ==", "invalid-if-match"],
    ["a weak ETag", 'W/"MQ=="', "invalid-if-match"],
    ["two ETags", '"MQ==", "Mg=="', "invalid-if-match"],
    ["a line break", '"MQ==\r\nx: y"', "invalid-if-match"],
    ["another version", '"nope"', "etag-changed"],
  ])("changes nothing with %s", async (_name, ifMatch, code) => {
    const { azure, registry, pump } = aBed();
    azure.addIdentity({ deviceId: pump, primaryThumbprint: A });
    const before = azure.hub().identity(pump);
    for (const answer of [
      await registry.change(on("Pump-1", ifMatch, { status: "disabled" })),
      await registry.change(on("Pump-1", ifMatch, { metadata: { a: "b" } })),
      await registry.disable(on("Pump-1", ifMatch, { reason: "x" })),
      await registry.delete({ hub: undefined, deviceId: "Pump-1", ifMatch }),
    ])
      expect(codeOf(answer)).toBe(code);
    expect(azure.hub().identity(pump)).toEqual(before);
  });

  const good = { deviceId: "d", primaryThumbprint: A };
  it.each<[string, unknown, string]>([
    ["no JSON", "{", "malformed-json"],
    ["a list", [], "invalid-device"],
    ["nothing", {}, "invalid-device"],
    ["an unknown field", { ...good, force: true }, "invalid-device"],
    ["a path for an id", { ...good, deviceId: "../x" }, "invalid-device"],
    ["an id of 129 characters", { ...good, deviceId: "a".repeat(129) }, "invalid-device"],
    ["a thumbprint of 63 digits", { ...good, primaryThumbprint: "A".repeat(63) }, "invalid-device"],
    ["a thumbprint that is a number", { ...good, primaryThumbprint: 7 }, "invalid-device"],
    ["no thumbprint", { deviceId: "d" }, "invalid-device"],
    ["a third status", { ...good, status: "asleep" }, "invalid-device"],
    ["a reason of 129 characters", { ...good, statusReason: "x".repeat(129) }, "invalid-device"],
    ["a reason with a line break", { ...good, statusReason: "a\nb" }, "invalid-device"],
    [
      "twenty-one notes",
      { ...good, metadata: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`n${i}`, ""])) },
      "invalid-device",
    ],
    ["a note of 501 characters", { ...good, metadata: { n: "x".repeat(501) } }, "invalid-device"],
    ["a body of more than half a megabyte", { ...good, statusReason: "x".repeat(600_000) }, "payload-too-large"],
  ])("creates nothing out of %s", async (_name, body, code) => {
    const { registry } = aBed();
    expect(codeOf(await registry.create({ hub: undefined, body: bytes(body) }))).toBe(code);
    expect(await registry.list(undefined)).toMatchObject({ devices: [] });
  });

  it("throws nothing whatever the body is", async () => {
    const { azure, registry, importDevices, pump, etag } = aBed();
    azure.addIdentity({ deviceId: pump, primaryThumbprint: A });
    const value = fc.oneof(
      fc.anything({ maxDepth: 2 }),
      fc.record({ deviceId: fc.string(), primaryThumbprint: fc.constantFrom(A, "", 1) }),
    );
    await fc.assert(
      fc.asyncProperty(value, async (body) => {
        const text = bytes(JSON.stringify(body) || "");
        for (const answer of [
          await registry.create({ hub: undefined, body: text }),
          await registry.change({ hub: undefined, deviceId: "Pump-1", ifMatch: etag(), body: text }),
          await registry.disable({ hub: undefined, deviceId: "Pump-1", ifMatch: etag(), body: text }),
          await importDevices({ hub: undefined, body: text }),
        ])
          expect(typeof answer).toBe("object");
      }),
      { numRuns: 200 },
    );
  });
});

describe("an import of devices", () => {
  const list = (count: number, from = 0): unknown => ({
    devices: Array.from({ length: count }, (_, i) => ({ deviceId: `d${from + i}`, primaryThumbprint: A })),
  });

  it("creates those that are not there, in hundreds, and may be sent again", async () => {
    const { azure, importDevices, deps } = aBed();
    azure.addIdentity({ deviceId: DeviceId.parse("d7"), primaryThumbprint: B });
    expect(await importDevices({ hub: undefined, body: bytes(list(250)) })).toMatchObject({
      created: 249,
      existing: ["d7"],
      failed: [],
      notTried: [],
    });
    expect(azure.faults.calls.get("hub.registry.bulk")).toBe(3);
    expect(azure.hub().identity(DeviceId.parse("d7"))?.primaryThumbprint).toBe(B);
    expect(await importDevices({ hub: undefined, body: bytes(list(250)) })).toMatchObject({ created: 0 });
    const known = await deps.devices.read([DeviceId.parse("d1"), DeviceId.parse("d7")]);
    expect([...known.keys()]).toEqual(["d1"]);
  });

  it("says what was not tried when the hub asks for fewer calls in the middle", async () => {
    const { azure, importDevices } = aBed();
    const subject = Array.from({ length: 100 }, (_, i) => `d${100 + i}`).join(",");
    azure.faults.add({ operation: "hub.registry.bulk", subject, effect: { kind: "status", status: 429 } });
    const answer = await importDevices({ hub: undefined, body: bytes(list(250)) });
    expect(answer).toMatchObject({ created: 100, failed: [] });
    expect((answer as { notTried: string[] }).notTried).toHaveLength(150);
  });

  it("throws when the hub is away from the beginning", async () => {
    const { azure, importDevices } = aBed();
    azure.faults.add({ operation: "hub.registry.bulk", effect: { kind: "status", status: 429, retryAfterSeconds: 5 } });
    await expect(importDevices({ hub: undefined, body: bytes(list(3)) })).rejects.toMatchObject({
      code: "service-throttled",
    });
  });

  it.each<[string, unknown, string]>([
    ["no devices", { devices: [] }, "invalid-import"],
    ["1,001 devices", list(1_001), "invalid-import"],
    ["10,000 devices", list(10_000), "payload-too-large"],
    [
      "the same device twice",
      {
        devices: [
          { deviceId: "a", primaryThumbprint: A },
          { deviceId: "a", primaryThumbprint: B },
        ],
      },
      "duplicate-device",
    ],
    ["an unknown field in one", { devices: [{ deviceId: "a", primaryThumbprint: A, tags: {} }] }, "invalid-import"],
  ])("creates nothing out of %s", async (_name, body, code) => {
    const { azure, importDevices } = aBed();
    expect(codeOf(await importDevices({ hub: undefined, body: bytes(body) }))).toBe(code);
    expect(azure.faults.calls.get("hub.registry.bulk") ?? 0).toBe(0);
  });
});
