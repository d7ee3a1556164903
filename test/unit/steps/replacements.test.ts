import { generateKeyPair, createRoot, selfSignedLeaf } from "../../../lab/pki/certificates";
import type { RollTarget } from "../../../shared/domain/roll/request";
import { rollId, t0 } from "../../support/builders";
import { Bed, validity, type BedDevice } from "./bed";

const inline = (chainPem: string): RollTarget["replacement"] => ({ kind: "inline", chainPem });

type Spoil = (bed: Bed, device: BedDevice) => Partial<RollTarget>;

const spoils: readonly (readonly [code: string, spoil: Spoil])[] = [
  ["common-name-differs", (bed) => ({ replacement: inline(bed.leaf("pump-2").chainPem) })],
  ["expired", (bed) => ({ replacement: inline(bed.leaf("pump-1", { notAfter: new Date(t0) }).chainPem) })],
  [
    "not-yet-valid",
    (bed) => ({ replacement: inline(bed.leaf("pump-1", { notBefore: new Date(t0 + 60_000) }).chainPem) }),
  ],
  [
    "certificate-unreadable",
    () => ({ replacement: inline("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") }),
  ],
  ["private-key-in-input", () => ({ replacement: { kind: "discarded", code: "private-key-in-input" } })],
  ["same-key", (_bed, { old }) => ({ compromisedPem: old.certificatePem, replacement: inline(old.chainPem) })],
  [
    "chain-not-anchored",
    () => {
      const issuer = createRoot({ commonName: "Nobody's root", ...validity });
      return { replacement: inline(new Bed().leaf("pump-1", { issuer }).chainPem) };
    },
  ],
  [
    "outlives-issuer",
    (bed) => {
      const issuer = createRoot({ commonName: "Short root", ...validity });
      bed.azure.addAuthority("short", issuer.certificatePem);
      const leaf = bed.leaf("pump-1", { issuer, notAfter: new Date(t0 + 365 * 86_400_000) });
      return { replacement: inline(leaf.certificatePem + issuer.certificatePem) };
    },
  ],
  ["not-a-leaf", () => ({ replacement: inline(createRoot({ commonName: "pump-1", ...validity }).certificatePem) })],
  [
    "chain-broken",
    (bed) => ({
      replacement: inline(
        bed.leaf("pump-1").certificatePem + createRoot({ commonName: "x", ...validity }).certificatePem,
      ),
    }),
  ],
  [
    "attestation-not-x509",
    (bed, { fresh, old }) => {
      bed.azure.addEnrollment({ registrationId: "pump-1", attestation: "x509-other", primaryPem: old.certificatePem });
      return { replacement: inline(fresh.chainPem) };
    },
  ],
  [
    "update-hub-assignment-off",
    (bed, { fresh, old }) => {
      bed.azure.addEnrollment({ registrationId: "pump-1", updateHubAssignment: false, primaryPem: old.certificatePem });
      return { replacement: inline(fresh.chainPem) };
    },
  ],
  [
    "adr-managed",
    (bed, { fresh, old }) => {
      const credentialPolicyName = "policy-1";
      bed.azure.addEnrollment({ registrationId: "pump-1", credentialPolicyName, primaryPem: old.certificatePem });
      return { replacement: inline(fresh.chainPem) };
    },
  ],
];

describe("a bad replacement", () => {
  it.each(spoils)("(%s) is refused by that name, and the device is contained all the same", async (code, spoil) => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const target = { ...device.target, ...spoil(bed, device) };
    await bed.open({ ...device, target });
    await bed.contain();
    const row = await bed.row(device);
    expect(row.refusal?.code).toBe(code);
    expect(row).toMatchObject({ allowed: [], entry: { state: "closed", disabled: true } });
    expect(row.containedAt).toBeDefined();
    expect(bed.opens(device, device.old)).toBe(false);
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(false);
    expect(await bed.state(device)).toBe("contained");
  });

  it("that DPS itself does not take is refused by that name, and the entry closed without it", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    bed.azure.faults.add({ operation: "dps.enrollment.put", effect: { kind: "status", status: 400 }, times: 1 });
    await bed.open(device);
    await bed.contain();
    const row = await bed.row(device);
    expect(row.refusal?.code).toBe("refused-by-dps");
    expect(row.planned).toBeUndefined();
    expect(row.allowed).toEqual([]);
    expect(bed.azure.register("pump-1", device.fresh.certificatePem)).toBe(false);
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(false);
  });

  it("over a key that two devices share is refused for both", async () => {
    const bed = new Bed();
    const keyPair = generateKeyPair();
    const devices = ["pump-1", "pump-2"].map((id) =>
      bed.device(id, { target: { replacement: inline(bed.leaf(id, { keyPair }).chainPem) } }),
    );
    await bed.open(...devices);
    await bed.contain();
    for (const device of devices) expect((await bed.row(device)).refusal?.code).toBe("key-shared");
  });

  it("with a healthy secondary leaves the device that way home", async () => {
    const bed = new Bed();
    const standby = bed.leaf("pump-1");
    const device = bed.device("pump-1", { standby, target: { replacement: inline(bed.leaf("pump-9").chainPem) } });
    await bed.open(device);
    await bed.contain();
    expect((await bed.row(device)).refusal?.code).toBe("common-name-differs");
    expect(bed.azure.dps.entry("pump-1")).toMatchObject({ provisioningStatus: "enabled", primary: undefined });
    expect(bed.azure.register("pump-1", standby.certificatePem)).toBe(true);
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(false);
  });
});

describe("a replacement", () => {
  it("that vouches for itself is accepted with a warning", async () => {
    const bed = new Bed();
    const leaf = selfSignedLeaf({ commonName: "pump-1", ...validity });
    const device = bed.device("pump-1", { target: { replacement: inline(leaf.chainPem) } });
    await bed.open(device);
    await bed.contain();
    const row = await bed.row(device);
    expect(row.warnings).toContain("self-signed");
    expect(bed.azure.register("pump-1", leaf.certificatePem)).toBe(true);
  });

  it("that cannot be judged while the CA certificates cannot be read delays nothing, and is put in place later", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    const wellAgain = bed.azure.faults.add({ operation: "dps.ca.list", effect: { kind: "status", status: 401 } });
    await bed.open(device);
    expect(await bed.contain()).toBe(1);
    expect(await bed.row(device)).toMatchObject({ replacementPending: "authorities-unreadable" });
    expect(await bed.steps.proveBatch(bed.at)).toMatchObject({ open: 1, unread: 1 });
    const anchor = (await bed.row(device)).entry.closedAt;
    wellAgain();
    bed.clock.pass(5_000);
    await bed.steps.closeAtDps(bed.at);
    const row = await bed.row(device);
    expect(row.replacementPending).toBeUndefined();
    expect(await bed.steps.proveBatch(bed.at)).not.toHaveProperty("unread");
    expect(row.planned?.sha256Thumbprint).toBe(device.fresh.sha256Thumbprint);
    // The entry has been closed to the old leaf since the first write.
    expect(row.entry.closedAt).toBe(anchor);
    expect(bed.azure.register("pump-1", device.fresh.certificatePem)).toBe(true);
    expect(bed.azure.register("pump-1", device.old.certificatePem)).toBe(false);
  });

  it("never becomes the bad one when the entry is read again after our own write", async () => {
    const bed = new Bed();
    const device = bed.device("pump-1");
    await bed.open(device);
    bed.batches.killSettles = 1;
    await expect(bed.steps.closeAtDps(bed.at)).rejects.toThrow("killed");
    bed.clock.pass(61_000);
    await bed.steps.closeAtDps(bed.at);
    const row = await bed.row(device);
    expect(row.bad).toEqual([device.old.sha256Thumbprint]);
    expect(row.allowed).toEqual([device.fresh.sha256Thumbprint]);
  });
});

it("no private key is in rows, journal or blobs after a whole containment", async () => {
  const bed = new Bed();
  const device = bed.device("pump-1");
  await bed.open(device);
  await bed.contain();
  const kept = JSON.stringify([
    await bed.batches.read(rollId, 0),
    await bed.batches.readJournal(rollId, 0),
    await bed.blobs.getRequest(rollId),
    await bed.blobs.getTargets(rollId, 0),
    await bed.rolls.get(rollId),
  ]);
  expect(kept).toContain(device.fresh.sha256Thumbprint);
  expect(kept).not.toMatch(/PRIVATE/);
  expect(JSON.stringify(await bed.batches.readJournal(rollId, 0))).not.toContain("BEGIN CERTIFICATE");
});
