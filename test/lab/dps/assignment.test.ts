import { selfSignedLeaf, issueLeaf } from "../../../lab/pki/certificates";
import { enrollmentOf, groupOf, rejection } from "../../support/lab-dps";
import { deviceAuthorities } from "../../support/lab-dps-pki";
import { startRegistrar } from "../../support/lab-dps-registrar";

const leaf = selfSignedLeaf({ commonName: "dev" });
const newLeaf = selfSignedLeaf({ commonName: "dev" });
const both = (more: object = {}) => enrollmentOf("dev", leaf.certificatePem, newLeaf.certificatePem, more);
const [hubA, hubB] = ["lab-hub.azure-devices.net", "lab-hub-2.azure-devices.net"];

describe("what DPS writes to the hub", () => {
  test("is the SHA-256 of the presented leaf, after the delay, and nothing when the enrollment changes", async () => {
    const dps = startRegistrar([hubA], { assignDelayMs: 200 });
    const [hub] = dps.hubs;
    dps.store.seedEnrollment(both());
    const operation = dps.begin("dev", leaf);
    await dps.pass(199);
    expect(hub?.has("dev")).toBe(false);
    expect(dps.record("dev")?.status).toBe("assigning");
    expect(operation.poll()).toMatchObject({ status: 202, body: { status: "assigning" } });
    await dps.pass(1);
    expect(hub?.assignments).toHaveLength(1);
    expect(hub?.identities.get("dev")?.sha256Thumbprint).toBe(leaf.sha256Thumbprint);
    expect(operation.poll()).toMatchObject({ status: 200, body: { status: "assigned" } });
    dps.store.seedEnrollment(enrollmentOf("dev", newLeaf.certificatePem));
    await dps.pass(10_000);
    expect(hub?.assignments).toHaveLength(1);
  });

  test("is replaced when the device registers with its other accepted leaf, on the same hub", async () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both());
    await dps.register("dev", leaf);
    await expect(dps.register("dev", newLeaf)).resolves.toMatchObject({ status: "assigned" });
    expect(dps.hubs[0]?.identities.get("dev")?.sha256Thumbprint).toBe(newLeaf.sha256Thumbprint);
    expect(dps.hubs[0]?.assignments.map(({ resetTwin }) => resetTwin)).toEqual([false, false]);
  });

  test("still arrives when the leaf was taken out just after its registration was accepted, unless switched", async () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both());
    dps.begin("dev", leaf);
    dps.store.seedEnrollment(enrollmentOf("dev", newLeaf.certificatePem));
    await dps.pass(dps.switches.assignDelayMs);
    expect(dps.hubs[0]?.identities.get("dev")?.sha256Thumbprint).toBe(leaf.sha256Thumbprint);

    const strict = startRegistrar(undefined, { inFlightSurvivesChange: false });
    strict.store.seedEnrollment(both());
    strict.begin("dev", leaf);
    strict.store.seedEnrollment(enrollmentOf("dev", newLeaf.certificatePem));
    await strict.pass(strict.switches.assignDelayMs);
    expect(strict.hubs[0]?.has("dev")).toBe(false);
    expect(strict.record("dev")).toMatchObject({ status: "failed", errorCode: 401002 });
    strict.begin("dev", newLeaf);
    strict.store.seedEnrollment(both({ provisioningStatus: "disabled" }));
    await strict.pass(strict.switches.assignDelayMs);
    expect(strict.record("dev")?.status).toBe("disabled");
  });

  test("names the device as the enrollment says, else as it registered, in its first case", async () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both({ deviceId: "Other-Name", capabilities: { iotEdge: true } }));
    await expect(dps.register("dev", leaf)).resolves.toMatchObject({ deviceId: "Other-Name" });
    expect(dps.hubs[0]?.identities.get("Other-Name")?.iotEdge).toBe(true);
    dps.store.seedEnrollment(enrollmentOf("dev-2", selfSignedLeaf({ commonName: "x" }).certificatePem));
    const { root } = deviceAuthorities("Case");
    dps.store.addVerifiedCa(root.certificatePem, "root");
    dps.store.seedGroup(groupOf("group", root.certificatePem));
    const device = issueLeaf({ commonName: "Dev-3", issuer: root });
    await expect(dps.register("Dev-3", device)).resolves.toMatchObject({
      deviceId: "Dev-3",
      x509: { enrollmentGroupId: "group" },
    });
    await expect(dps.register("DEV-3", device)).resolves.toMatchObject({ deviceId: "Dev-3" });
  });

  test("goes to a second identity when the enrollment names another device id, and the first one stays", async () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both());
    await dps.register("dev", leaf);
    dps.store.seedEnrollment(both({ deviceId: "renamed" }));
    dps.store.deleteRegistration("dev");
    await dps.register("dev", newLeaf);
    expect([...(dps.hubs[0]?.identities.keys() ?? [])]).toEqual(["dev", "renamed"]);
  });
});

describe("the reprovision policy", () => {
  const initialTwin = { tags: { from: "enrollment" } };
  const policy = (updateHubAssignment: boolean, migrateDeviceData: boolean, hub: string | undefined) =>
    both({ initialTwin, iotHubHostName: hub, reprovisionPolicy: { updateHubAssignment, migrateDeviceData } });

  /** Registers on hub A, changes the twin there, then registers again with the second leaf and hub B. */
  async function moveUnder(updateHubAssignment: boolean, migrateDeviceData: boolean, target: string) {
    const dps = startRegistrar([hubA, hubB]);
    const [a, b] = dps.hubs;
    if (!a || !b) throw new Error("two hubs were started");
    dps.store.seedEnrollment(policy(updateHubAssignment, migrateDeviceData, hubA));
    await dps.register("dev", leaf);
    a.identities.set("dev", { ...a.identities.get("dev")!, twin: { tags: { lived: true } } });
    dps.store.seedEnrollment(policy(updateHubAssignment, migrateDeviceData, target));
    const told = await dps.register("dev", newLeaf);
    return { a: a.identities.get("dev"), b: b.identities.get("dev"), told, record: dps.record("dev") };
  }

  test("migrate: the identity moves with its twin", async () => {
    const { a, b, record } = await moveUnder(true, true, hubB);
    expect(a).toBeUndefined();
    expect(b).toMatchObject({ sha256Thumbprint: newLeaf.sha256Thumbprint, twin: { tags: { lived: true } } });
    expect(record?.substatus).toBe("deviceDataMigrated");
  });

  test("reset: the identity moves and starts with the initial twin", async () => {
    const { a, b, record } = await moveUnder(true, false, hubB);
    expect(a).toBeUndefined();
    expect(b).toMatchObject({ sha256Thumbprint: newLeaf.sha256Thumbprint, twin: initialTwin });
    expect(record?.substatus).toBe("deviceDataReset");
  });

  test("never: hub, thumbprint and twin stay, though the registration succeeds", async () => {
    const { a, b, told } = await moveUnder(false, true, hubB);
    expect(told).toMatchObject({ status: "assigned", assignedHub: hubA });
    expect(a).toMatchObject({ sha256Thumbprint: leaf.sha256Thumbprint, twin: { tags: { lived: true } } });
    expect(b).toBeUndefined();
  });

  test("never, by switch, still writes the thumbprint", async () => {
    const dps = startRegistrar([hubA], { neverPolicyWritesThumbprint: true });
    dps.store.seedEnrollment(policy(false, true, hubA));
    await dps.register("dev", leaf);
    await dps.register("dev", newLeaf);
    expect(dps.hubs[0]?.identities.get("dev")?.sha256Thumbprint).toBe(newLeaf.sha256Thumbprint);
  });

  test("on the same hub: the twin stays under migrate and is reset under reset", async () => {
    const kept = await moveUnder(true, true, hubA);
    expect(kept.a?.twin).toEqual({ tags: { lived: true } });
    expect(kept.record?.substatus).toBe("reprovisionedToInitialAssignment");
    // Device API 2019-03-31 does not know that word.
    expect(kept.told).toMatchObject({ substatus: "initialAssignment" });
    const reset = await moveUnder(true, false, hubA);
    expect(reset.a?.twin).toEqual(initialTwin);
  });

  test.each([
    ["keeps", true, { tags: { lived: true } }],
    ["resets, by switch,", false, initialTwin],
  ])("the first registration under a pin %s the twin", async (_word, newEntryKeepsTwin, expected) => {
    const dps = startRegistrar([hubA], { newEntryKeepsTwin });
    const { root } = deviceAuthorities("Pin");
    dps.store.addVerifiedCa(root.certificatePem, "root");
    dps.store.seedGroup(groupOf("group", root.certificatePem));
    await dps.register("dev", issueLeaf({ commonName: "dev", issuer: root }));
    const [hub] = dps.hubs;
    hub?.identities.set("dev", { ...hub.identities.get("dev")!, twin: { tags: { lived: true } } });
    dps.store.seedEnrollment(both({ initialTwin }));
    await dps.register("dev", newLeaf);
    expect(hub?.identities.get("dev")?.twin).toEqual(expected);
  });

  test("a pinned device leaves its group's list of registrations, unless switched", async () => {
    const dps = startRegistrar();
    const { root } = deviceAuthorities("Pin");
    dps.store.addVerifiedCa(root.certificatePem, "root");
    dps.store.seedGroup(groupOf("group", root.certificatePem));
    await dps.register("dev", issueLeaf({ commonName: "dev", issuer: root }));
    expect(dps.store.registrationsPage("group", 0, 10).items).toHaveLength(1);
    dps.store.seedEnrollment(both());
    await dps.register("dev", newLeaf);
    expect(dps.store.registrationsPage("group", 0, 10).items).toHaveLength(0);
    dps.switches.groupListsPinned = true;
    expect(dps.store.registrationsPage("group", 0, 10).items).toHaveLength(1);
  });
});

describe("a registration that does not end well", () => {
  test("fails with the hub's refusal and leaves a record", async () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both());
    dps.hubs[0]!.refusal = new Error("no");
    await expect(dps.register("dev", leaf)).resolves.toMatchObject({
      status: "failed",
      errorCode: 401002,
      errorMessage: "IotHubUnauthorizedAccess",
    });
    expect(dps.record("dev")?.status).toBe("failed");
  });

  test("fails when no hub is linked", async () => {
    const dps = startRegistrar([]);
    dps.store.seedEnrollment(both());
    await expect(dps.register("dev", leaf)).resolves.toMatchObject({ status: "failed" });
  });

  test("of a disabled entry is told as a status, and the record says so", () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both({ provisioningStatus: "disabled" }));
    const { poll } = dps.begin("dev", leaf);
    expect(poll()).toMatchObject({ status: 200, body: { status: "disabled" } });
    expect(dps.record("dev")?.status).toBe("disabled");
    expect(dps.store.attempts.list()).toMatchObject([{ outcome: "refused", status: 200, reason: "disabled" }]);
  });

  test("that is overtaken by a later one does not take the record back", async () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both());
    const first = dps.begin("dev", leaf);
    await dps.pass(100);
    const second = dps.begin("dev", newLeaf);
    await dps.pass(100);
    expect(first.poll()).toMatchObject({ status: 200, body: { status: "assigned" } });
    expect(dps.record("dev")).toMatchObject({ status: "assigning", operationId: second.operationId });
    await dps.pass(100);
    expect(dps.record("dev")).toMatchObject({ status: "assigned", operationId: second.operationId });
    expect(dps.hubs[0]?.identities.get("dev")?.sha256Thumbprint).toBe(newLeaf.sha256Thumbprint);
  });

  test("is asked about only by who asked for it", async () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both());
    const { operationId } = dps.begin("dev", leaf);
    const ask = (id: string, der: Buffer) =>
      rejection(Promise.resolve().then(() => dps.registrar.poll(id, operationId, [der])));
    expect(await ask("dev", newLeaf.der)).toMatchObject({ status: 401 });
    expect(await ask("other", leaf.der)).toMatchObject({ status: 404 });
  });

  test("keeps the attempts in order, newest last, and tells listeners at once", async () => {
    const dps = startRegistrar();
    dps.store.seedEnrollment(both());
    const heard: string[] = [];
    const stop = dps.store.attempts.onAttempt(({ outcome }) => heard.push(outcome));
    await dps.register("dev", leaf);
    const stranger = selfSignedLeaf({ commonName: "dev" });
    await rejection(Promise.resolve().then(() => dps.begin("dev", stranger)));
    stop();
    await dps.register("dev", leaf);
    expect(heard).toEqual(["accepted", "refused"]);
    expect(dps.store.attempts.list().map(({ sha256Thumbprint, errorCode }) => [sha256Thumbprint, errorCode])).toEqual([
      [leaf.sha256Thumbprint, undefined],
      [stranger.sha256Thumbprint, 401002],
      [leaf.sha256Thumbprint, undefined],
    ]);
  });
});
