import { X509Certificate } from "node:crypto";
import type { RollTarget } from "../../../shared/domain/roll/request";
import { rollId } from "../../support/builders";
import type { BedDevice } from "./bed";
import { GroupBed } from "./group-bed";

const LEAF = { authority: "leaf" } as const;

/** Three devices of a healthy group; what is told of the first one. */
async function leafBreach(
  o: {
    verified?: boolean;
    about?: (device: BedDevice, bed: GroupBed) => Partial<RollTarget>;
  } = {},
): Promise<{ bed: GroupBed; device: BedDevice; others: BedDevice[] }> {
  const bed = new GroupBed({ pinBlocksOldLeaf: o.verified === true ? "verified" : "unverified" });
  bed.azure.addGroup({ groupId: "fleet", signingPems: [bed.root.certificatePem] });
  const [device = never(), ...others] = ["pump-1", "pump-2", "pump-3"].map((id) =>
    bed.member(id, { nextIssuer: bed.root }),
  );
  const target = { ...device.target, ...o.about?.(device, bed) };
  await bed.breach(LEAF, { targets: [target] });
  return { bed, device, others };
}

const withReplacement = ({ fresh }: BedDevice): Partial<RollTarget> => ({
  replacement: { kind: "inline", chainPem: fresh.chainPem },
});
const withOldLeaf = ({ old }: BedDevice): Partial<RollTarget> => ({ compromisedPem: old.chainPem });

describe("a compromised leaf of a healthy group", () => {
  it("is kept out by an enrollment of the device's own that holds the new leaf; the group stays as it is", async () => {
    const { bed, device, others } = await leafBreach({ about: withReplacement });
    expect(await bed.contain()).toBe(1);
    const entry = bed.azure.dps.entry("pump-1");
    expect(entry).toMatchObject({ provisioningStatus: "enabled", deviceId: "pump-1" });
    expect(entry?.primary?.sha256Thumbprint).toBe(device.fresh.sha256Thumbprint);
    expect(bed.opens(device, device.old)).toBe(false);
    expect(bed.azure.register("pump-1", device.old.chainPem)).toBe(false);
    const [other = never()] = others;
    expect(bed.opens(other, other.old)).toBe(true);
    expect(bed.azure.register("pump-2", other.old.chainPem)).toBe(true);
    const calls = (await bed.rollJournal.read(rollId, { limit: 10 })).entries;
    expect(calls).toEqual([]);
  });

  it("says that it is cut off at the hub only, unless it was tried out that a pin keeps the old leaf out", async () => {
    const unverified = await leafBreach({ about: withReplacement });
    await unverified.bed.contain();
    expect((await unverified.bed.row(unverified.device)).warnings).toContain("contained-at-hub");
    const verified = await leafBreach({ about: withReplacement, verified: true });
    await verified.bed.contain();
    expect((await verified.bed.row(verified.device)).warnings).not.toContain("contained-at-hub");
  });

  it("is proven when the device comes back with the pinned leaf", async () => {
    const { bed, device } = await leafBreach({ about: withReplacement });
    await bed.contain();
    bed.clock.pass(1_000);
    await bed.heal(device, { leaf: { ...device.fresh, certificatePem: device.fresh.chainPem } });
    await bed.steps.proveBatch(bed.at);
    await bed.report(device);
    await bed.steps.proveBatch(bed.at);
    expect(await bed.state(device)).toBe("proven");
  });

  it.each([
    ["its certificate where it was sent", withOldLeaf],
    ["a certificate that opens nothing where it was not", (): Partial<RollTarget> => ({})],
  ])("without a new leaf is denied by a disabled enrollment that holds %s", async (_what, about) => {
    const { bed, device } = await leafBreach({ about });
    await bed.contain();
    const entry = bed.azure.dps.entry("pump-1");
    expect(entry?.provisioningStatus).toBe("disabled");
    const isOld = entry?.primary?.sha256Thumbprint === device.old.sha256Thumbprint;
    expect(isOld).toBe(about === withOldLeaf);
    expect(bed.azure.register("pump-1", device.old.chainPem)).toBe(false);
    expect(await bed.state(device)).toBe("contained");
  });

  it("is on the ledger before it is at DPS, with whoever asked, why, and until when", async () => {
    const { bed, device } = await leafBreach({ about: (on) => ({ ...withReplacement(on), ...withOldLeaf(on) }) });
    bed.azure.faults.add({ operation: "dps.enrollment.put", effect: { kind: "status", status: 503 }, times: 1 });
    await bed.steps.closeAtDps(bed.at);
    expect(bed.azure.dps.entry("pump-1")).toBeUndefined();
    const row = await bed.denyLedger.find("enrollment|pump-1");
    expect(row).toMatchObject({ kind: "pin", owner: "soc", reason: "leak", rollId });
    await bed.contain();
    expect(row?.removeAfter).toBe(Date.parse(new X509Certificate(device.old.certificatePem).validTo));
    expect((await bed.row(device)).pin).toBe("pin");
  });

  it("is taken out of an enrollment that the device has of its own", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", signingPems: [bed.root.certificatePem] });
    const device = bed.member("pump-1", { nextIssuer: bed.root });
    bed.azure.addEnrollment({ registrationId: "pump-1", primaryPem: device.old.certificatePem });
    await bed.breach(LEAF, { targets: [{ ...device.target, ...withReplacement(device) }] });
    await bed.contain();
    const entry = bed.azure.dps.entry("pump-1");
    expect([entry?.primary?.sha256Thumbprint, entry?.secondary]).toEqual([device.fresh.sha256Thumbprint, undefined]);
  });

  it("that gets in past its pin leaves the device to a CA roll, with the pin disabled", async () => {
    const { bed, device } = await leafBreach({ about: withReplacement });
    await bed.contain();
    bed.clock.pass(1_000);
    // What a DPS does that lets a group's leaf in though the device has an enrollment of its own.
    bed.azure.hub().assign(device.deviceId, device.old.sha256Thumbprint);
    expect((await bed.steps.recheckContained(bed.at)).broken).toBe(1);
    await bed.contain();
    expect(bed.azure.dps.entry("pump-1")?.provisioningStatus).toBe("disabled");
    const row = await bed.row(device);
    expect(row).toMatchObject({ replacementPending: "waits-for-ca-roll", pin: "deny", allowed: [] });
    expect(bed.opens(device, device.old)).toBe(false);
    expect((await bed.steps.proveBatch(bed.at)).open).toBe(0);
    expect((await bed.denyLedger.find("enrollment|pump-1"))?.kind).toBe("deny");
  });

  it("is pinned again where it was tried out that pins hold", async () => {
    const { bed, device } = await leafBreach({ about: withReplacement, verified: true });
    await bed.contain();
    bed.azure.hub().assign(device.deviceId, device.old.sha256Thumbprint);
    await bed.steps.recheckContained(bed.at);
    await bed.contain();
    expect(bed.azure.dps.entry("pump-1")?.provisioningStatus).toBe("enabled");
    expect(bed.opens(device, device.old)).toBe(false);
  });

  it("is kept out again when somebody deletes its enrollment", async () => {
    const { bed, device } = await leafBreach({ about: withReplacement });
    await bed.contain();
    bed.azure.dps.remove("pump-1");
    expect((await bed.steps.recheckContained(bed.at)).broken).toBe(1);
    await bed.contain();
    expect(bed.azure.dps.entry("pump-1")).toBeDefined();
    expect(bed.opens(device, device.old)).toBe(false);
  });

  it("is written once, however often and however broken off the step runs", async () => {
    const { bed } = await leafBreach({ about: withReplacement });
    let writes = 0;
    bed.azure.faults.observe(({ operation, write }) => {
      if (write && operation === "dps.enrollment.put") writes += 1;
    });
    bed.batches.killSettles = 1;
    await expect(bed.steps.closeAtDps(bed.at)).rejects.toThrow("killed");
    await bed.contain();
    await bed.steps.closeAtDps(bed.at);
    expect(writes).toBe(1);
  });
});

function never(): never {
  throw new Error("no such device");
}
