import type { BulkCursor } from "../../../shared/contract/import-containment";
import { isFasterInBulk } from "../../../shared/domain/pacing/bulk-route";
import { createMoveInBulk } from "../../../shared/steps/move-in-bulk";
import { rollId } from "../../support/builders";
import type { BedDevice } from "./bed";
import { GroupBed } from "./group-bed";

const ROOT = { authority: "root", successor: { name: "fleet-root-2" } } as const;

async function fleet(
  size = 3,
  o: { hubNames?: readonly string[]; seconds?: number } = {},
): Promise<{ bed: GroupBed; devices: BedDevice[]; bulk: () => Promise<number>; batches: number }> {
  const bed = new GroupBed(o.hubNames === undefined ? {} : { hubNames: o.hubNames });
  bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
  const devices = Array.from({ length: size }, (_, n) => bed.member(`pump-${n + 1}`));
  await bed.breach(ROOT, { requestedBy: "Kim" });
  const { batches } = (await bed.rolls.get(rollId)) ?? { batches: 0 };
  const step = createMoveInBulk({
    ...bed.parts,
    exports: bed.azure.blobs,
    registryRate: () => 1,
    importWhenSlowerThanSeconds: o.seconds ?? 1,
    closeBatch: bed.steps.closeAtDps,
  });
  const bulk = async (): Promise<number> => {
    let cursor: BulkCursor | undefined;
    for (let pieces = 1; ; pieces += 1) {
      const { next, waitMs } = await step({ rollId, batches, ...(cursor === undefined ? {} : { cursor }) });
      bed.clock.pass(waitMs ?? 0);
      if (next === undefined) return pieces;
      cursor = next;
    }
  };
  return { bed, devices, bulk, batches };
}

/** Registry writes that are metered, and jobs, since now. */
function metered(bed: GroupBed): { bulk: number; jobs: number } {
  const counts = { bulk: 0, jobs: 0 };
  bed.azure.faults.observe(({ operation, write }) => {
    if (operation === "hub.registry.bulk") counts.bulk += 1;
    if (operation === "hub.job.create" && write) counts.jobs += 1;
  });
  return counts;
}

describe("containment by import jobs", () => {
  it("cuts a fleet off and gives it back with sentinels, without a single metered write", async () => {
    const { bed, devices, bulk } = await fleet();
    const counts = metered(bed);
    await bulk();
    expect(await bed.contain()).toBe(1);
    expect(counts).toEqual({ bulk: 0, jobs: 4 });
    for (const device of devices) {
      expect(bed.opens(device, device.old)).toBe(false);
      const identity = bed.azure.hub().identity(device.deviceId);
      expect([identity?.status, identity?.authentication]).toEqual(["enabled", "selfSigned"]);
      expect(await bed.state(device)).toBe("await-self-heal");
    }
  });

  it("does not wait for calls of DPS that a closed group does not take", async () => {
    const { bed, bulk } = await fleet();
    const counts = metered(bed);
    // Booked for minutes, by whomever.
    const resources = new Map([["dps/operations" as const, 2_500_000]]);
    await bed.ledger.reserve({ resources, priority: "breach", at: bed.clock.now() });
    await bulk();
    expect(counts).toEqual({ bulk: 0, jobs: 4 });
  });

  it("holds identities disabled for the whole hold", async () => {
    const { bed, devices, bulk } = await fleet();
    const seen: (string | undefined)[] = [];
    bed.azure.hub().onWrite = ({ status }) => {
      seen.push(`${status} ${bed.clock.now()}`);
    };
    await bulk();
    const [first = "", last = ""] = [seen[0], seen.at(-1)];
    expect([first.split(" ")[0], last.split(" ")[0]]).toEqual(["disabled", "enabled"]);
    expect(Number(last.split(" ")[1]) - Number(first.split(" ")[1])).toBeGreaterThanOrEqual(500);
    expect(seen).toHaveLength(devices.length * 2);
  });

  it("leaves what the import refused to single writes", async () => {
    const { bed, devices, bulk } = await fleet();
    const [device = never()] = devices;
    // Written by somebody between export and import.
    let touched = false;
    bed.azure.faults.observe(({ operation }) => {
      if (operation !== "hub.job.create" || touched) return;
      touched = true;
      queueMicrotask(() => bed.azure.hub().assign(device.deviceId, device.old.sha256Thumbprint));
    });
    const counts = metered(bed);
    await bulk();
    await bed.contain();
    expect(counts.bulk).toBeGreaterThan(0);
    for (const each of devices) expect(bed.opens(each, each.old)).toBe(false);
  });

  it("journals what it is about to write and what came of it", async () => {
    const { bed, bulk } = await fleet(1);
    await bulk();
    const lines = (await bed.journal()).filter((line) => line.startsWith("bulk-"));
    expect(lines.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "bulk-hold intent",
      "bulk-hold outcome",
      "bulk-release intent",
      "bulk-release outcome",
    ]);
  });

  it("is done at every linked hub", async () => {
    const hubNames = ["lab-hub.azure-devices.net", "lab-hub-2.azure-devices.net"];
    const { bed, devices, bulk } = await fleet(2, { hubNames });
    const [device = never()] = devices;
    bed.azure.addIdentity({
      deviceId: device.deviceId,
      hostName: bed.azure.hubs.hostNames[1] ?? never(),
      primaryThumbprint: device.old.sha256Thumbprint,
    });
    const counts = metered(bed);
    await bulk();
    await bed.contain();
    expect(counts.bulk).toBe(0);
    for (const hub of bed.azure.hubs.hostNames) expect(bed.opens(device, device.old, hub)).toBe(false);
  });

  it("gives way to single writes where another job has the only place", async () => {
    const { bed, devices, bulk } = await fleet();
    bed.azure.hub().jobs.busy = true;
    expect(await bulk()).toBeGreaterThan(20);
    await bed.contain();
    for (const device of devices) expect(bed.opens(device, device.old)).toBe(false);
  });

  it("changes nothing when it is run again after it was cut off", async () => {
    const { bed, devices, bulk } = await fleet();
    bed.batches.killSettles = 1;
    await expect(bulk()).rejects.toThrow("killed");
    await bulk();
    await bed.contain();
    for (const device of devices) {
      expect(bed.opens(device, device.old)).toBe(false);
      expect((await bed.row(device)).containedAt).toBeDefined();
    }
  });

  it("is not used for a fleet that single writes cut off soon enough", async () => {
    const { bed, bulk } = await fleet(3, { seconds: 6 });
    const counts = metered(bed);
    expect(await bulk()).toBe(1);
    expect(counts.jobs).toBe(0);
  });

  it.each([
    [10_000, 100 / 60, 120, true],
    [100, 100 / 60, 120, false],
    [101, 100 / 60, 120, true],
    [4_000, 5_000 / 60, 120, false],
  ])("of %d devices at %d writes per second against %d s: %s", (devices, perSecond, seconds, faster) => {
    expect(isFasterInBulk(devices, perSecond, seconds)).toBe(faster);
  });
});

function never(): never {
  throw new Error("no such device");
}
