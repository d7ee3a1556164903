import { DeviceId } from "../../../shared/domain/ids";
import { otherHubName, stranger, thumbprint } from "../../support/builders";
import { Bed, type BedDevice } from "./bed";

const down = { kind: "status", status: 503 } as const;
const innocent = DeviceId.parse("pump-1");

/** A device whose hub identity has a name of its own, while another device is called like its registration. */
function namesakes(o: { status?: "enabled" | "disabled"; iotEdge?: boolean } = {}): {
  bed: Bed;
  device: BedDevice;
  before: object;
} {
  const bed = new Bed();
  const device = bed.device("pump-1", { nameInEntry: "Pump-One" });
  bed.azure.addIdentity({ deviceId: innocent, primaryThumbprint: stranger, ...o });
  return { bed, device, before: content(bed) };
}

function content(bed: Bed): object {
  const { etag: _etag, ...rest } = bed.azure.hub().identity(innocent)!;
  return rest;
}

describe("while DPS says nothing", () => {
  it("the hub is cut under the registration id, and given back once DPS names another device", async () => {
    const { bed, device, before } = namesakes();
    const wellAgain = bed.azure.faults.add({ operation: "dps.*", effect: down });
    await bed.open(device);
    await bed.round();
    expect(bed.azure.hub().identity(innocent)?.status).toBe("disabled");
    expect(bed.opens(device, device.old)).toBe(true);
    wellAgain();
    await bed.contain();
    expect(content(bed)).toEqual(before);
    expect(bed.opens(device, device.old)).toBe(false);
    const row = await bed.row(device);
    expect(row).toMatchObject({ deviceId: "Pump-One", warnings: expect.arrayContaining(["held-by-guess"]) as unknown });
    expect(row.containedAt).toBeDefined();
    expect(row).not.toHaveProperty("guessed");
    expect((await bed.journal()).filter((line) => line.includes("restore pump-1"))).toHaveLength(2);
  });

  it.each([{ status: "disabled" }, { iotEdge: true }] as const)("a namesake that was %j is so again", async (o) => {
    const { bed, device, before } = namesakes(o);
    const wellAgain = bed.azure.faults.add({ operation: "dps.*", effect: down });
    await bed.open(device);
    await bed.round();
    wellAgain();
    await bed.contain();
    expect(content(bed)).toEqual(before);
  });

  it("and the guess was right, the device is contained under it without a warning", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const wellAgain = bed.azure.faults.add({ operation: "dps.*", effect: down });
    await bed.open(device);
    await bed.round();
    wellAgain();
    await bed.contain();
    const row = await bed.row(device);
    expect(row.containedAt).toBeDefined();
    expect(row.warnings).not.toContain("held-by-guess");
    expect(row).not.toHaveProperty("guessed");
    expect(bed.azure.hub().identity(innocent)?.status).toBe("enabled");
    expect(bed.opens(device, device.old)).toBe(false);
  });

  it("about registrations, the entry's name is held instead of the registration id", async () => {
    const { bed, device, before } = namesakes();
    const wellAgain = bed.azure.faults.add({ operation: "dps.registration.get", effect: down });
    await bed.open(device);
    await bed.round();
    expect(content(bed)).toEqual(before);
    expect(bed.opens(device, device.old)).toBe(false);
    wellAgain();
    await bed.contain();
    expect((await bed.row(device)).warnings).not.toContain("held-by-guess");
  });

  it.each(["enabled", "disabled"] as const)(
    "and then about registrations only, both names are held until one of them is known to be right (%s)",
    async (status) => {
      const { bed, device } = namesakes({ status });
      const wellAgain = bed.azure.faults.add({ operation: "dps.*", effect: down });
      await bed.open(device);
      await bed.round();
      wellAgain();
      const halfWell = bed.azure.faults.add({ operation: "dps.registration.get", effect: down });
      await bed.round();
      expect(bed.azure.hub().identity(innocent)?.status).toBe("disabled");
      expect(bed.opens(device, device.old)).toBe(false);
      // The record says that the first guess was right.
      bed.azure.setRegistration({
        registrationId: device.registrationId,
        deviceId: innocent,
        assignedHub: undefined,
        status: "assigned",
      });
      halfWell();
      await bed.contain();
      expect(await bed.row(device)).toMatchObject({ deviceId: "pump-1" });
      // Status as before the first hold, not as the guess had left it; the other one is as it was.
      expect(bed.azure.hub().identity(innocent)?.status).toBe(status);
      expect(bed.azure.hub().identity(device.deviceId)?.status).toBe("enabled");
      expect(await bed.row(device)).not.toHaveProperty("guessed");
    },
  );

  it("an identity that trusts a CA is left alone: DPS would have written thumbprints", async () => {
    const { bed, device } = namesakes();
    bed.azure.addIdentity({ deviceId: innocent, primaryThumbprint: "", authentication: "certificateAuthority" });
    const before = content(bed);
    bed.azure.faults.add({ operation: "dps.*", effect: down });
    await bed.open(device);
    await bed.round();
    expect(content(bed)).toEqual(before);
  });
});

describe("giving back a namesake", () => {
  async function wronglyHeld(o: Parameters<typeof namesakes>[0] = {}) {
    const all = namesakes(o);
    const wellAgain = all.bed.azure.faults.add({ operation: "dps.*", effect: down });
    await all.bed.open(all.device);
    await all.bed.round();
    wellAgain();
    return all;
  }

  it.each(["hold", "restore"])("ends right when a run is killed after the %s was written", async (what) => {
    const { bed, device, before } = namesakes();
    const wellAgain = bed.azure.faults.add({ operation: "dps.*", effect: down });
    await bed.open(device);
    if (what === "hold") bed.batches.killSettles = 1;
    const run = bed.steps.holdAtHub(bed.at);
    if (what === "hold") await expect(run).rejects.toThrow("killed");
    else await run;
    expect(bed.azure.hub().identity(innocent)?.status).toBe("disabled");
    bed.clock.pass(61_000);
    if (what === "hold") await bed.steps.holdAtHub(bed.at);
    wellAgain();
    await bed.steps.closeAtDps(bed.at);
    if (what === "restore") {
      bed.batches.killSettles = 1;
      await expect(bed.steps.holdAtHub(bed.at)).rejects.toThrow("killed");
      bed.clock.pass(61_000);
    }
    await bed.contain();
    expect(content(bed)).toEqual(before);
    expect((await bed.row(device)).warnings).toContain("held-by-guess");
    expect(bed.opens(device, device.old)).toBe(false);
  });

  it.each<[string, (bed: Bed) => void, object]>([
    [
      "it registered",
      (bed) => bed.azure.hub().assign(innocent, thumbprint("5")),
      { status: "enabled", primaryThumbprint: thumbprint("5"), secondaryThumbprint: thumbprint("5") },
    ],
    [
      "somebody enabled it",
      (bed) => {
        const { primaryThumbprint = "", secondaryThumbprint = "" } = bed.azure.hub().identity(innocent) ?? {};
        bed.azure.addIdentity({ deviceId: innocent, primaryThumbprint, secondaryThumbprint });
      },
      { status: "enabled", primaryThumbprint: stranger, secondaryThumbprint: undefined },
    ],
  ])("that is held twice, because in between %s, gives back what was its own", async (_what, meanwhile, after) => {
    const { bed, device } = namesakes();
    const wellAgain = bed.azure.faults.add({ operation: "dps.*", effect: down });
    await bed.open(device);
    bed.azure.faults.add({ operation: "hub.registry.bulk", effect: { kind: "reply-lost" }, times: 1 });
    await bed.steps.holdAtHub(bed.at);
    meanwhile(bed);
    await bed.round();
    expect(bed.azure.hub().identity(innocent)?.status).toBe("disabled");
    wellAgain();
    await bed.contain();
    expect(content(bed)).toMatchObject(after);
  });

  it("leaves what a registration has written in the meantime", async () => {
    const { bed, device } = await wronglyHeld();
    bed.azure.hub().assign(innocent, thumbprint("5"));
    await bed.contain();
    expect(content(bed)).toMatchObject({
      status: "enabled",
      primaryThumbprint: thumbprint("5"),
      secondaryThumbprint: thumbprint("5"),
    });
    expect(await bed.row(device)).not.toHaveProperty("guessed");
  });

  it("never puts the compromised leaf back", async () => {
    const { bed, device } = namesakes();
    bed.azure.addIdentity({
      deviceId: innocent,
      primaryThumbprint: device.old.sha256Thumbprint,
      secondaryThumbprint: stranger,
    });
    const wellAgain = bed.azure.faults.add({ operation: "dps.*", effect: down });
    await bed.open(device);
    await bed.round();
    wellAgain();
    await bed.contain();
    expect(content(bed)).toMatchObject({ status: "enabled", secondaryThumbprint: stranger });
    expect(bed.opens({ ...device, deviceId: innocent }, device.old)).toBe(false);
  });

  it("that the hub does not answer for is tried again at the recheck, and the roll stays open until then", async () => {
    const { bed, device, before } = await wronglyHeld();
    const wellAgain = bed.azure.faults.add({ operation: "hub.twin.get", subject: "pump-1", effect: down });
    await bed.contain();
    expect((await bed.row(device)).containedAt).toBeDefined();
    expect(await bed.steps.proveBatch(bed.at)).toMatchObject({ open: 1 });
    await bed.heal(device);
    await bed.steps.proveBatch(bed.at);
    await bed.report(device);
    expect(await bed.steps.proveBatch(bed.at)).toMatchObject({ open: 1, proven: 1 });
    wellAgain();
    expect(await bed.steps.recheckContained(bed.at)).toEqual({ broken: 1 });
    await bed.contain();
    expect(content(bed)).toEqual(before);
    expect(await bed.steps.proveBatch(bed.at)).toMatchObject({ open: 0, proven: 1 });
  });

  it("leaves to its own row a namesake that is breached as well", async () => {
    const bed = new Bed({ hubNames: ["lab-hub.azure-devices.net", otherHubName] });
    const one = bed.device("pump-1", { nameInEntry: "Pump-One" });
    const two = bed.device("pump-2", { nameInEntry: "pump-1" });
    const wellAgain = bed.azure.faults.add({ operation: "dps.*", subject: "pump-1", effect: down });
    await bed.open(one, two);
    await bed.round();
    wellAgain();
    await bed.contain();
    expect(bed.opens(two, two.old)).toBe(false);
    expect(bed.opens(one, one.old)).toBe(false);
    expect((await bed.row(two)).containedAt).toBeDefined();
    expect(await bed.row(one)).not.toHaveProperty("guessed");
  });
});
