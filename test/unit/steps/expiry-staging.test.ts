import { HubHostName } from "../../../shared/domain/ids";
import { ExpiryBed } from "./expiry-bed";

describe("planning an expiry roll", () => {
  it("finds the free slot and judges the replacement, writing nothing at DPS", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    expect(await bed.plan()).toEqual({ planned: 1, refused: 0, open: 0 });
    expect(await bed.row(device)).toMatchObject({
      swap: { slot: "secondary", old: { slot: "primary", sha256Thumbprint: device.old.sha256Thumbprint } },
      planned: { sha256Thumbprint: device.fresh.sha256Thumbprint },
      assignedHub: "lab-hub.azure-devices.net",
      deviceId: "pump-1",
    });
    expect(await bed.state(device)).toBe("planned");
    expect(bed.azure.faults.calls.get("dps.enrollment.put")).toBeUndefined();
  });

  it("takes the primary slot where the secondary one holds the present leaf", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { oldSlot: "secondary" });
    await bed.open([device]);
    await bed.plan();
    expect((await bed.row(device)).swap).toMatchObject({ slot: "primary", old: { slot: "secondary" } });
  });

  it("overwrites the expired leaf that the roll before the last has left behind", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { other: bed.leaf("pump-1", -3) });
    await bed.dispatch([device]);
    expect(bed.slots(device)).toEqual([device.old.sha256Thumbprint, device.fresh.sha256Thumbprint]);
  });

  it("stops where both slots hold valid leaves", async () => {
    const bed = new ExpiryBed();
    const other = bed.leaf("pump-1", 5);
    const device = bed.device("pump-1", { other });
    await bed.dispatch([device]);
    expect(await bed.row(device)).toMatchObject({ refusal: { code: "slot-in-use" } });
    expect(await bed.state(device)).toBe("failed");
    expect(bed.slots(device)).toEqual([device.old.sha256Thumbprint, other.sha256Thumbprint]);
    expect(bed.told(device)).toEqual([]);
  });

  it.each<[string, string, (bed: ExpiryBed) => Parameters<ExpiryBed["device"]>[1]]>([
    ["another common name", "common-name-differs", (bed) => ({ fresh: bed.leaf("pump-2", 90) })],
    ["an end before the present leaf's", "expires-earlier", (bed) => ({ fresh: bed.leaf("pump-1", 9) })],
    ["an expired leaf", "expired", (bed) => ({ fresh: bed.leaf("pump-1", -1) })],
    ["nothing at all", "replacement-missing", () => ({ replacement: { kind: "none" } })],
    [
      "a private key in the request",
      "private-key-in-input",
      () => ({ replacement: { kind: "discarded", code: "private-key-in-input" } }),
    ],
    ["an enrollment of another kind", "attestation-not-x509", () => ({ enrollment: { attestation: "other" } })],
    [
      "a hub that DPS may not update",
      "update-hub-assignment-off",
      () => ({ enrollment: { updateHubAssignment: false } }),
    ],
    ["a device that never registered", "never-registered", () => ({ registered: false })],
  ])("refuses %s, leaves that device alone and goes on with the others", async (_what, code, odd) => {
    const bed = new ExpiryBed();
    const [device, other] = [bed.device("pump-1", odd(bed)), bed.device("pump-9")];
    const before = bed.slots(device);
    await bed.dispatch([device, other]);
    expect(await bed.row(device)).toMatchObject({ refusal: { code }, failed: { reason: code } });
    expect(bed.slots(device)).toEqual(before);
    expect(bed.told(device)).toEqual([]);
    expect(await bed.state(other)).toBe("dispatched");
  });

  it("refuses a device of a hub that this app has no access to", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    const { registrationId, deviceId } = device;
    const assignedHub = HubHostName.parse("far-away.azure-devices.net");
    bed.azure.setRegistration({ registrationId, deviceId, assignedHub, status: "assigned" });
    await bed.open([device]);
    await bed.plan();
    expect((await bed.row(device)).refusal?.code).toBe("hub-not-linked");
    expect(bed.azure.faults.calls.get("dps.enrollment.put")).toBeUndefined();
  });

  it("refuses an enrollment that is disabled: its device could not register", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    const primaryPem = device.old.certificatePem;
    bed.azure.dps.add({ registrationId: "pump-1", primaryPem, provisioningStatus: "disabled" });
    await bed.open([device]);
    await bed.plan();
    expect((await bed.row(device)).refusal?.code).toBe("entry-disabled");
  });

  it("refuses the present leaf as its own replacement", async () => {
    const bed = new ExpiryBed();
    const leaf = bed.leaf("pump-1", 10);
    const device = bed.device("pump-1", { old: leaf, fresh: leaf });
    await bed.open([device]);
    await bed.plan();
    expect(await bed.row(device)).toMatchObject({ refusal: { code: "replacement-is-current" } });
  });

  it("asks DPS again for what it did not say, and decides nothing meanwhile", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    bed.azure.faults.add({ operation: "dps.enrollment.get", effect: { kind: "status", status: 503 }, times: 1 });
    expect(await bed.plan()).toMatchObject({ planned: 0, open: 1 });
    expect(await bed.plan()).toMatchObject({ planned: 1, open: 0 });
  });

  it("keeps what it found in the container, whatever is put there later", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    bed.replacements.blobs.set(device.registrationId, device.fresh.chainPem);
    await bed.open([device], { replacement: "blob" });
    await bed.plan();
    bed.replacements.blobs.set(device.registrationId, bed.leaf("pump-1", 80).chainPem);
    await bed.pass();
    expect(bed.slots(device)[1]).toBe(device.fresh.sha256Thumbprint);
    expect(bed.lastOrder(device).chainPem).toBe(device.fresh.chainPem);
  });
});

describe("staging", () => {
  it("puts the new leaf beside the old one and touches nothing else", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    expect(await bed.steps.stageBatch(bed.at)).toEqual({ staged: 1, open: 0 });
    expect(bed.slots(device)).toEqual([device.old.sha256Thumbprint, device.fresh.sha256Thumbprint]);
    expect(await bed.state(device)).toBe("staged");
    expect((await bed.row(device)).stagedAt).toBe(bed.azure.dps.entry("pump-1")?.lastUpdatedAt);
    // Both leaves are valid now.
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(true);
    expect(bed.azure.register("pump-1", device.fresh.certificatePem)).toBe(true);
  });

  it("reads and decides again after a lost race", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    bed.azure.faults.add({ operation: "dps.enrollment.put", effect: { kind: "status", status: 412 }, times: 2 });
    expect(await bed.steps.stageBatch(bed.at)).toEqual({ staged: 1, open: 0 });
    expect(bed.azure.faults.calls.get("dps.enrollment.put")).toBe(3);
  });

  it("stops if somebody fills the slot before it is written", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    const foreign = bed.leaf("pump-1", 60);
    bed.azure.dps.add({
      registrationId: "pump-1",
      primaryPem: device.old.certificatePem,
      secondaryPem: foreign.certificatePem,
    });
    await bed.steps.stageBatch(bed.at);
    expect((await bed.row(device)).refusal?.code).toBe("slot-in-use");
    expect(bed.slots(device)[1]).toBe(foreign.sha256Thumbprint);
  });

  it.each(["lost answer", "killed in between"] as const)("finds its own write after a %s", async (how) => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    if (how === "lost answer") {
      bed.azure.faults.add({ operation: "dps.enrollment.put", effect: { kind: "reply-lost" }, times: 1 });
      await bed.steps.stageBatch(bed.at);
    } else {
      bed.batches.killSettles = 1;
      await expect(bed.steps.stageBatch(bed.at)).rejects.toThrow("killed");
    }
    const written = bed.azure.dps.entry("pump-1");
    bed.clock.pass(5_000);
    expect(await bed.steps.stageBatch(bed.at)).toEqual({ staged: 1, open: 0 });
    expect(bed.azure.dps.entry("pump-1")?.etag).toBe(written?.etag);
    // The anchor is the write's, not the second look's: a device that changed over at once counts.
    expect((await bed.row(device)).stagedAt).toBe(written?.lastUpdatedAt);
  });

  it("run twice at once stages each entry once", async () => {
    const bed = new ExpiryBed();
    const devices = Array.from({ length: 5 }, (_, n) => bed.device(`pump-${n}`));
    await bed.open(devices);
    await bed.plan();
    await Promise.allSettled([bed.steps.stageBatch(bed.at), bed.steps.stageBatch(bed.at)]);
    await bed.steps.stageBatch(bed.at);
    for (const device of devices)
      expect(bed.slots(device)).toEqual([device.old.sha256Thumbprint, device.fresh.sha256Thumbprint]);
    expect(await bed.steps.stageBatch(bed.at)).toEqual({ staged: 5, open: 0 });
  });

  it("lists a leaf that DPS does not take, and sends that device nothing", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    bed.azure.faults.add({ operation: "dps.enrollment.put", effect: { kind: "status", status: 400 }, times: 1 });
    await bed.pass();
    expect((await bed.row(device)).refusal?.code).toBe("refused-by-dps");
    expect(bed.told(device)).toEqual([]);
  });

  it.each(["pause", "abort"] as const)("writes nothing after a %s", async (verb) => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    await bed.say(verb);
    expect(await bed.steps.stageBatch(bed.at)).toEqual({ staged: 0, open: 1 });
    expect(bed.slots(device)[1]).toBeUndefined();
  });
});

describe("certificate requests", () => {
  const csr = { replacement: "csr" } as const;

  it("are asked of devices, signed, judged, staged and sent back", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    bed.online(device, { status: 200, payload: { csrPem: "a request" } });
    bed.issues.set(device.registrationId, () => ({
      outcome: "issued",
      chainPem: device.fresh.chainPem,
      warnings: ["test-ca"],
    }));
    await bed.open([device], csr);
    await bed.plan();
    expect(await bed.steps.requestCsrs(bed.at)).toEqual({ issued: 1, open: 0 });
    expect(await bed.state(device)).toBe("issued");
    expect((await bed.row(device)).warnings).toEqual(["test-ca"]);
    await bed.pass();
    expect(bed.slots(device)[1]).toBe(device.fresh.sha256Thumbprint);
    expect(bed.lastOrder(device).chainPem).toBe(device.fresh.chainPem);
    expect(bed.told(device).map(({ methodName }) => methodName)).toEqual(["prepareCertificate", "reprovision"]);
  });

  it("are asked for again when the answer was lost or the run was cut off; one certificate comes of it", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    bed.online(device, { status: 200, payload: { csrPem: "a request" } });
    bed.issues.set(device.registrationId, () => ({ outcome: "issued", chainPem: device.fresh.chainPem, warnings: [] }));
    await bed.open([device], csr);
    await bed.plan();
    bed.batches.killSettles = 1;
    await expect(bed.steps.requestCsrs(bed.at)).rejects.toThrow("killed");
    expect(await bed.steps.requestCsrs(bed.at)).toEqual({ issued: 1, open: 0 });
    expect((await bed.row(device)).csr?.tries).toBe(2);
    expect(await bed.steps.requestCsrs(bed.at)).toEqual({ issued: 1, open: 0 });
    expect(bed.issued).toHaveLength(2);
  });

  it("wait for an issuer that wants to look first", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    bed.online(device, { status: 200, payload: { csrPem: "a request" } });
    bed.issues.set(device.registrationId, () => ({ outcome: "pending", retryAfterMs: 60_000 }));
    await bed.open([device], csr);
    await bed.plan();
    expect(await bed.steps.requestCsrs(bed.at)).toEqual({ issued: 0, open: 1 });
    expect(await bed.state(device)).toBe("csr-received");
    await bed.steps.requestCsrs(bed.at);
    expect(bed.issued).toHaveLength(1);
    bed.clock.pass(60_000);
    bed.issues.set(device.registrationId, () => ({ outcome: "issued", chainPem: device.fresh.chainPem, warnings: [] }));
    expect(await bed.steps.requestCsrs(bed.at)).toEqual({ issued: 1, open: 0 });
  });

  it("go unanswered by a device that is away, which is asked again in its time", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    bed.offline(device);
    await bed.open([device], csr);
    await bed.plan();
    expect(await bed.steps.requestCsrs(bed.at)).toEqual({ issued: 0, open: 1 });
    expect(await bed.state(device)).toBe("unreachable");
    bed.online(device, { status: 200, payload: { csrPem: "a request" } });
    bed.issues.set(device.registrationId, () => ({ outcome: "issued", chainPem: device.fresh.chainPem, warnings: [] }));
    await bed.steps.requestCsrs(bed.at);
    expect(bed.told(device)).toEqual([]);
    bed.clock.pass(bed.timing.retryMs[0]!);
    expect(await bed.steps.requestCsrs(bed.at)).toEqual({ issued: 1, open: 0 });
  });

  it.each([
    ["refuses", { status: 403, payload: {} }, "refused-by-device"],
    ["answers something else", { status: 200, payload: { other: 1 } }, "request-unreadable"],
  ])("are a failure where the device %s", async (_what, answer, reason) => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    bed.online(device, answer);
    await bed.open([device], csr);
    await bed.plan();
    await bed.steps.requestCsrs(bed.at);
    expect(await bed.row(device)).toMatchObject({ failed: { reason } });
  });

  it("are not asked for while the roll is paused", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1", { replacement: { kind: "none" } });
    await bed.open([device], csr);
    await bed.plan();
    await bed.say("pause");
    await bed.steps.requestCsrs(bed.at);
    expect(bed.told(device)).toEqual([]);
  });
});
