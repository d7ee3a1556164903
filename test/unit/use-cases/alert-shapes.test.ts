import * as fc from "fast-check";
import { decideAlert, DEFAULT_ALERT_POLICY, matches } from "../../../shared/domain/alert/policy";
import { InventoryId } from "../../../shared/domain/inventory/inventory";
import { t0 } from "../../support/builders";
import type { AlertShape } from "../../../shared/use-cases/alerts/accept-delivery";
import { cloudEvent, exported, gridEvent, incident, monitor, securityAlert, validation } from "./alert-samples";
import { anAlert, Door } from "./door";

const SHAPES: readonly [string, AlertShape, object][] = [
  ["Defender's export", "export", exported()],
  ["a workflow automation", "defender", securityAlert()],
  ["a Sentinel alert", "sentinel", securityAlert()],
  ["a Sentinel incident", "sentinel", incident()],
  ["Azure Monitor", "monitor", monitor()],
  ["Event Grid", "eventgrid", gridEvent()],
  ["CloudEvents", "cloudevents", cloudEvent()],
];

describe.each(SHAPES)("an alert of %s", (_name, shape, sample) => {
  it("starts one roll of the device that it names, however often it comes", async () => {
    const door = new Door();
    const first = await door.deliver(shape, [sample]);
    expect(first).toMatchObject({ results: [{ outcome: "accepted" }] });
    const again = await door.deliver(shape, sample);
    const [{ rollId } = {}] = first.outcome === "read" ? first.results : [];
    expect(again).toMatchObject({ results: [{ outcome: "known", rollId }] });
    expect(door.starter.started).toEqual([rollId]);
    if (rollId === undefined) throw new Error("no roll");
    const request = await door.blobs.getRequest(rollId);
    expect(request).toMatchObject({ playbook: "individual-breach", targets: [{ registrationId: "pump-1" }] });
    expect(request.requestedBy).toBeUndefined();
    expect(door.alertLog.records.map(({ outcome }) => outcome).sort()).toEqual(["known", "started"]);
  });

  it("comes to nothing in any other shape's place, and crashes nothing", async () => {
    for (const other of SHAPES.map(([, name]) => name)) {
      const door = new Door();
      const answer = await door.deliver(other, sample);
      expect(["read", "problem"]).toContain(answer.outcome);
    }
  });
});

/** What each shape must not start from. */
const BAD: readonly [string, AlertShape, unknown, object][] = [
  ["no JSON", "monitor", "{", { code: "malformed-json" }],
  ["bytes that are no text", "sentinel", new Uint8Array([0xff, 0xfe]), { code: "malformed-json" }],
  ["more than a MiB", "eventgrid", new Uint8Array(1_048_577), { code: "payload-too-large", status: 413 }],
  ["ten thousand events", "eventgrid", Array.from({ length: 10_000 }, () => 1), { code: "too-many-alerts" }],
  ["another schema", "monitor", { schemaId: "AzureMonitorMetricAlert" }, { code: "invalid-alert" }],
  ["wrong types", "defender", { ...securityAlert(), SystemAlertId: 7 }, { code: "invalid-alert" }],
  ["an old version", "cloudevents", cloudEvent({ specversion: "0.3" }), { code: "invalid-alert" }],
  ["an unknown severity", "cloudevents", cloudEvent({ data: { severity: "apocalyptic" } }), { code: "invalid-alert" }],
  ["an alert that is over", "export", exported({ status: "Resolved" }), { results: [{ outcome: "recorded" }] }],
  [
    "a resolved Monitor alert",
    "monitor",
    monitor({ monitorCondition: "Resolved" }),
    { results: [{ outcome: "recorded" }] },
  ],
  ["a closed incident", "sentinel", incident({ status: "Closed" }), { results: [{ outcome: "recorded" }] }],
  [
    "a kind that starts nothing",
    "export",
    exported({ alertType: "IoT_Expired_SAS_Token" }),
    { results: [{ outcome: "recorded" }] },
  ],
  [
    "too low a severity",
    "sentinel",
    securityAlert({ AlertSeverity: "Informational" }),
    { results: [{ outcome: "recorded" }] },
  ],
  [
    "nothing that could be rolled",
    "sentinel",
    securityAlert({ Entities: "[]" }),
    { results: [{ outcome: "recorded" }] },
  ],
  [
    "a medium alert about a CA",
    "cloudevents",
    cloudEvent({ subject: "enrollmentGroups/fleet", data: { severity: "medium", scope: "root" } }),
    { results: [{ outcome: "recorded" }] },
  ],
  [
    "another hub",
    "export",
    exported({ resourceIdentifiers: [{ azureResourceId: "/x/providers/Microsoft.Devices/IotHubs/somebody-elses" }] }),
    { results: [{ outcome: "refused", code: "out-of-scope" }] },
  ],
  [
    "another DPS",
    "monitor",
    monitor({ alertTargetIDs: "/x/providers/microsoft.devices/provisioningservices/somebody-elses" }),
    { results: [{ outcome: "refused", code: "out-of-scope" }] },
  ],
  [
    "an unknown device",
    "cloudevents",
    cloudEvent({ subject: "enrollments/nobody" }),
    { results: [{ code: "unknown-device" }] },
  ],
  [
    "an unknown group",
    "monitor",
    monitor({}, { enrollmentGroupId: "gone", authority: "root" }),
    { results: [{ code: "unknown-group" }] },
  ],
  [
    "an unknown certificate",
    "cloudevents",
    cloudEvent({ subject: "", data: { severity: "high", thumbprint: "AB".repeat(32) } }),
    { results: [{ code: "unknown-certificate" }] },
  ],
  [
    "a path instead of a name",
    "monitor",
    monitor({}, { enrollmentGroupId: "../../certificates/x", authority: "root" }),
    { results: [{ code: "unknown-group" }] },
  ],
  [
    "Microsoft's own events",
    "eventgrid",
    gridEvent({ eventType: "Microsoft.KeyVault.CertificateNearExpiry" }),
    { results: [{ outcome: "recorded" }] },
  ],
];

describe("a delivery", () => {
  it.each(BAD)("of %s starts nothing", async (_name, shape, body, expected) => {
    const door = new Door();
    expect(await door.deliver(shape, body)).toMatchObject(expected);
    expect(door.starter.started).toEqual([]);
  });

  it("of good and bad alerts is read one by one", async () => {
    const door = new Door();
    expect(await door.deliver("eventgrid", [gridEvent(), 7, gridEvent({ id: "g-2", data: {} })])).toMatchObject({
      results: [{ outcome: "accepted" }, { code: "invalid-alert" }, { code: "invalid-alert" }],
    });
  });

  it("that asks whether the subscription is wanted gets its code back", async () => {
    expect(await new Door().deliver("eventgrid", [validation])).toEqual({
      outcome: "handshake",
      validationCode: "0000AAAA-0000",
    });
  });

  it("never starts or throws, whatever its body holds", async () => {
    const door = new Door();
    const shapes = SHAPES.map(([, shape]) => shape);
    const noise = fc.oneof(
      fc.json(),
      fc
        .tuple(fc.constantFrom(...SHAPES.map(([, , sample]) => sample)), fc.string(), fc.jsonValue())
        .map(([sample, key, value]) =>
          JSON.stringify({ ...sample, [key]: value, data: value, properties: value, Entities: value, object: value }),
        ),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...shapes), noise, async (shape, body) => {
        const before = door.starter.started.length;
        await door.deliver(shape, body);
        expect(door.starter.started.length).toBeLessThanOrEqual(before + 1);
      }),
      { numRuns: 300 },
    );
  });
});

describe("what an alert names", () => {
  const latest = async (door: Door, devices: readonly object[]): Promise<void> => {
    const inventoryId = InventoryId.parse("20260101T000000000Z-00000001");
    await door.inventories.putDevices(inventoryId, 0, devices as never);
    const counts = {
      authorities: 0,
      groups: 0,
      enrollments: 0,
      registrations: 0,
      devices: 1,
      modules: 0,
      identities: [],
    };
    await door.inventories.finish({
      ...{ inventoryId, startedAt: t0, finishedAt: t0, shards: 1, unreadable: [] },
      counts: { ...counts, findings: {}, leavesOfUnknownEnd: 0, unreadableLines: 0 },
    });
  };

  it("is a CA of a group, found by its thumbprint: the group's roll names that certificate", async () => {
    const door = new Door();
    door.azure.addAuthority("fleet-root", door.root.certificatePem);
    door.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    const { sha256Thumbprint } = (await door.azure.authorities.list())[0]?.certificate ?? {};
    const data = { severity: "high", thumbprint: sha256Thumbprint };
    expect(await door.deliver("cloudevents", cloudEvent({ subject: "", data }))).toMatchObject({
      results: [{ outcome: "accepted" }],
    });
    const [rollId] = door.starter.started;
    if (rollId === undefined) throw new Error("no roll");
    expect(await door.blobs.getRequest(rollId)).toMatchObject({
      playbook: "group-breach",
      group: { groupId: "fleet", authority: "root", compromised: { thumbprints: [sha256Thumbprint] } },
    });
  });

  it("is that CA, and the alert too mild for it: nothing starts", async () => {
    const door = new Door();
    door.azure.addAuthority("fleet-root", door.root.certificatePem);
    door.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    const { sha256Thumbprint } = (await door.azure.authorities.list())[0]?.certificate ?? {};
    const data = { severity: "medium", thumbprint: sha256Thumbprint };
    expect(await door.deliver("cloudevents", cloudEvent({ subject: "", data }))).toMatchObject({
      results: [{ outcome: "recorded" }],
    });
  });

  it("is a device of a group, as the latest inventory shows: its leaf is rolled there", async () => {
    const door = new Door();
    await latest(door, [{ key: "valve-1", registrationId: "valve-1", groupId: "fleet", identities: [] }]);
    await door.deliver("cloudevents", cloudEvent({ subject: "devices/valve-1" }));
    const [rollId] = door.starter.started;
    if (rollId === undefined) throw new Error("no roll");
    expect(await door.blobs.getRequest(rollId)).toMatchObject({
      playbook: "group-breach",
      group: { groupId: "fleet", authority: "leaf" },
      targets: [{ registrationId: "valve-1" }],
    });
  });

  it("is a leaf by its thumbprint: the device that holds it, and the slot", async () => {
    const door = new Door();
    const sha256Thumbprint = "CD".repeat(32);
    const primary = { sha256Thumbprint, subjectName: "CN=pump-2" };
    const enrollment = { provisioningStatus: "enabled", attestation: "x509-client", primary };
    await latest(door, [{ key: "pump-2", registrationId: "pump-2", enrollment, identities: [] }]);
    const scope = { kind: "certificate", thumbprint: sha256Thumbprint.toLowerCase() };
    expect(await door.post(anAlert({ scope }))).toMatchObject({ outcome: "accepted" });
    const [rollId] = door.starter.started;
    if (rollId === undefined) throw new Error("no roll");
    expect((await door.blobs.getRequest(rollId)).targets).toMatchObject([
      { registrationId: "pump-2", compromisedSlots: ["primary"] },
    ]);
  });

  it("is cut off by a running roll already: that roll answers, for ever", async () => {
    const door = new Door();
    const first = await door.post(anAlert());
    if (first.outcome !== "accepted") throw new Error("not accepted");
    const { rollId } = first;
    const scope = { slots: ["primary" as const, "secondary" as const] };
    await door.targetClaims.claim({ rollId, batch: 0, priority: 1 }, "device", [{ id: "pump-1", scope }]);
    expect(await door.deliver("sentinel", securityAlert())).toMatchObject({ results: [{ outcome: "merged", rollId }] });
    await door.targetClaims.release(rollId, "device", ["pump-1"]);
    expect(await door.deliver("sentinel", securityAlert())).toMatchObject({ results: [{ outcome: "known", rollId }] });
    expect(door.starter.started).toEqual([rollId]);
  });

  it("goes beyond a running roll by one device: a roll of its own starts", async () => {
    const door = new Door();
    const first = await door.post(anAlert());
    if (first.outcome !== "accepted") throw new Error("not accepted");
    await door.targetClaims.claim({ rollId: first.rollId, batch: 0, priority: 1 }, "device", [{ id: "pump-1" }]);
    const wider = anAlert({ id: "alert-2" }, [{ registrationId: "pump-1" }, { registrationId: "pump-2" }]);
    expect(await door.post(wider)).toMatchObject({ outcome: "accepted" });
    expect(door.starter.started).toHaveLength(2);
  });

  it("is a group whose roll is running: merged, unless it names another CA", async () => {
    const door = new Door();
    door.azure.addAuthority("fleet-root", door.root.certificatePem);
    door.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    door.groups = (groupId) => door.azure.groups.get(groupId);
    const group = (id: string, o: object = {}): object =>
      anAlert({ id, scope: { kind: "group", groupId: "fleet", authority: "root", slots: ["primary"], ...o } });
    expect(await door.post(group("g1"))).toMatchObject({ outcome: "accepted" });
    expect(await door.post(group("g2"))).toMatchObject({ outcome: "merged", rollId: door.starter.started[0] });
    expect(await door.post(group("g3", { slots: ["secondary"] }))).toMatchObject({ outcome: "accepted" });
  });
});

describe("the severity policy", () => {
  const alert = { severity: "medium", type: "x", selected: true, level: "leaf" } as const;

  it.each([
    [{}, "start"],
    [{ severity: "low" as const }, "record"],
    [{ level: "intermediate" as const }, "record"],
    [{ level: "root" as const, severity: "high" as const }, "start"],
    [{ selected: false }, "record"],
    [{ selected: false, type: "iot_cert_print_mismatch" }, "start"],
    [{ selected: false, type: "com.acme.KeyCompromise.v2" }, "start"],
  ])("%j: %s", (changes, kind) => {
    expect(decideAlert(DEFAULT_ALERT_POLICY, { ...alert, ...changes }).kind).toBe(kind);
  });

  it.each([
    ["*", "", true],
    ["a*b*c", "a--b--c", true],
    ["a*b*c", "a--c--b", false],
    ["ab*bc", "abc", false],
    ["Pump-*", "pump-1", true],
    ["pump", "pump-1", false],
  ])("compares %s with %s: %s", (pattern, text, fits) => {
    expect(matches(pattern, text)).toBe(fits);
  });
});
