import { deviceState } from "../../../shared/domain/roll/device-state";
import type { HubModule } from "../../../shared/ports/hub-modules";
import { isStraggler, nextStep } from "../../../shared/domain/roll/next-step";
import { toDeviceView } from "../../../shared/use-cases/read-rolls";
import { rollId } from "../../support/builders";
import { Bed, type BedDevice } from "./bed";

const LEAKED = "A".repeat(64);

/** A contained device with a module that holds keys, one with a certificate, and one without credentials. */
async function contained(
  modules?: "report" | "rotate" | "delete",
): Promise<{ bed: Bed; device: BedDevice; bare: BedDevice }> {
  const bed = new Bed();
  const device = bed.device("pump-1");
  const bare = bed.device("pump-2");
  bed.azure.hub().addModule(device.deviceId, "camera", { authentication: "selfSigned", primaryThumbprint: LEAKED });
  bed.azure.hub().addModule(device.deviceId, "counter");
  bed.azure.hub().addModule(device.deviceId, "idle", { authentication: "none" });
  await bed.openAs(modules === undefined ? {} : { modules }, device, bare);
  await bed.contain();
  return { bed, device, bare };
}

async function held(bed: Bed, { deviceId }: BedDevice): Promise<readonly HubModule[]> {
  const reading = await bed.azure.hubs.hub(bed.azure.hub().port.hostName).modules.list(deviceId);
  return reading.outcome === "found" ? reading.modules : [];
}

describe("modules of contained devices", () => {
  it("are left alone and named, unless the request says otherwise", async () => {
    const { bed, device, bare } = await contained();
    const before = await held(bed, device);
    expect(await bed.steps.treatModules(bed.at)).toEqual({ open: 0 });
    expect(await held(bed, device)).toEqual(before);
    const row = await bed.row(device);
    const hub = bed.azure.hub().port.hostName;
    expect(row.modules).toMatchObject({ left: [`camera@${hub}`, `counter@${hub}`], leftInAll: 2, cut: 0 });
    expect(row.warnings).toContain("residual-access");
    expect(toDeviceView(row).detail).toContain("residual access: 2 modules keep credentials of their own");
    expect(nextStep(row)).toContain("rotate or delete its modules");
    expect((await bed.row(bare)).modules).toMatchObject({ leftInAll: 0 });
    expect((await bed.row(bare)).warnings).not.toContain("residual-access");
    expect((await bed.rolls.readSummaries(rollId))[0]).toMatchObject({ residual: 1 });
  });

  it("keep a device on the list of stragglers though it is proven", async () => {
    const { bed, device } = await contained();
    await bed.heal(device);
    await bed.steps.treatModules(bed.at);
    const row = { ...(await bed.row(device)), retiredAt: bed.clock.now() };
    expect(deviceState(row)).toBe("retired");
    expect(isStraggler(row)).toBe(true);
    expect(nextStep(row)).toMatch(/^rotate or delete/);
  });

  it("are looked for by one query per hub, not by a registry read per device", async () => {
    const { bed } = await contained();
    const asked: string[] = [];
    bed.azure.faults.observe(({ operation }) => void asked.push(operation));
    await bed.steps.treatModules(bed.at);
    expect(asked).toEqual(["hub.query"]);
    await bed.steps.treatModules(bed.at);
    expect(asked).toEqual(["hub.query"]);
  });

  it("are deleted where the request says so, each write journalled before it is made", async () => {
    const { bed, device } = await contained("delete");
    await bed.steps.treatModules(bed.at);
    expect((await held(bed, device)).map(({ moduleId }) => moduleId)).toEqual(["idle"]);
    expect((await bed.row(device)).modules).toMatchObject({ left: [], leftInAll: 0, cut: 2 });
    expect((await bed.row(device)).warnings).not.toContain("residual-access");
    const hub = bed.azure.hub().port.hostName;
    const journal = (await bed.journal()).filter((line) => line.includes("camera"));
    expect(journal).toEqual([
      `treat-modules intent pump-1 ${hub} module camera delete-module `,
      `treat-modules outcome pump-1 ${hub} module camera delete-module done`,
    ]);
  });

  it("get credentials that nobody holds where the request says so", async () => {
    const { bed, device } = await contained("rotate");
    const before = await held(bed, device);
    await bed.steps.treatModules(bed.at);
    const [camera, counter] = await held(bed, device);
    expect(camera).toMatchObject({ authentication: "selfSigned" });
    expect([camera?.primaryThumbprint, camera?.secondaryThumbprint]).not.toContain(LEAKED);
    expect(camera?.primaryThumbprint).not.toBe(camera?.secondaryThumbprint);
    expect(counter?.etag).not.toBe(before[1]?.etag);
    expect((await bed.row(device)).modules).toMatchObject({ leftInAll: 0, cut: 2 });
  });

  it("are written in the version that was read: a lost race is read and decided again", async () => {
    const { bed, device } = await contained("rotate");
    let races = 0;
    bed.azure.faults.observe(({ operation }) => {
      if (operation !== "hub.registry.list" || races > 0) return;
      races += 1;
      bed.azure.hub().addModule(device.deviceId, "camera", { authentication: "selfSigned", primaryThumbprint: LEAKED });
    });
    await bed.steps.treatModules(bed.at);
    expect(races).toBe(1);
    const [camera] = await held(bed, device);
    expect(camera?.primaryThumbprint).not.toBe(LEAKED);
    expect((await bed.row(device)).modules).toMatchObject({ leftInAll: 0 });
    expect(await bed.journal()).toContainEqual(
      expect.stringMatching(/module camera rotate-module precondition-failed$/),
    );
  });

  it("are asked for again where the hub did not answer, and nothing is said of the device meanwhile", async () => {
    const { bed, device } = await contained();
    const undo = bed.azure.faults.add({ operation: "hub.query", effect: { kind: "status", status: 503 } });
    expect(await bed.steps.treatModules(bed.at)).toEqual({ open: 2 });
    expect((await bed.row(device)).modules).toBeUndefined();
    undo();
    expect(await bed.steps.treatModules(bed.at)).toEqual({ open: 0 });
  });

  it("wait for what quota is left over, and hold up no containment", async () => {
    const bed = new Bed({ sku: { tier: "S1", units: 1 } });
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    const hub = bed.azure.hub().port.hostName;
    const resources = new Map([[`${hub}/queries` as const, 10_000]]);
    await bed.parts.ledger.reserve({ resources, priority: "breach", at: bed.clock.now() });
    expect(await bed.steps.treatModules(bed.at)).toMatchObject({ open: 1, wait: {} });
    expect(deviceState(await bed.row(device))).toBe("await-self-heal");
  });
});
