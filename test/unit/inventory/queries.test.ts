import { BlastRadius, thumbprintsOfDevice, type BlastTarget } from "../../../shared/domain/inventory/blast-radius";
import { CaGraph } from "../../../shared/domain/inventory/ca-graph";
import { expiringLeaves, expiringTrust, isEndUnknown } from "../../../shared/domain/inventory/expiring";
import type { DeviceRecord } from "../../../shared/domain/inventory/records";
import { aCa, aGroup, inDps, thumbprintOf } from "../../support/ca-entries";
import { aDeviceRecord, aGroupDevice, anIdentity, aSlot, days, east, west } from "./devices";

const root = { ...aCa("root"), notAfter: days(400) };
const plant = { ...aCa("plant", "root"), notAfter: days(20) };
const graph = new CaGraph({
  authorities: [inDps(root, true)],
  groups: [aGroup("all", "root"), aGroup("plant", plant), aGroup("mixed", plant, aCa("alien"))],
  individuals: [],
});

describe("what expires", () => {
  it("is told of CA certificates of DPS and of groups, soonest first", () => {
    expect(expiringTrust(graph, days(401))).toEqual([
      {
        level: "intermediate",
        at: "group",
        id: "plant",
        slot: "primary",
        sha256Thumbprint: plant.sha256Thumbprint,
        notAfter: days(20),
      },
      {
        level: "intermediate",
        at: "group",
        id: "mixed",
        slot: "primary",
        sha256Thumbprint: plant.sha256Thumbprint,
        notAfter: days(20),
      },
      { level: "root", at: "ca", id: "root", sha256Thumbprint: root.sha256Thumbprint, notAfter: days(400) },
    ]);
    expect(expiringTrust(graph, days(20))).toEqual([]);
  });

  it("is told of leaves by enrollment, or by the device where no enrollment holds the leaf", () => {
    const enrolled = aDeviceRecord("pump", {
      reported: { sha256Thumbprint: thumbprintOf("pump"), notAfter: days(100) },
    });
    expect(expiringLeaves(enrolled, days(101))).toMatchObject([
      { at: "enrollment", slot: "primary", notAfter: days(100) },
    ]);
    const grouped = aGroupDevice("pump", "all", {
      reported: { sha256Thumbprint: thumbprintOf("x"), notAfter: days(9) },
    });
    expect(expiringLeaves(grouped, days(10))).toMatchObject([{ at: "device", id: "pump", notAfter: days(9) }]);
    expect(isEndUnknown(grouped)).toBe(false);
    expect(isEndUnknown(aGroupDevice("pump", "all"))).toBe(true);
    expect(isEndUnknown(aDeviceRecord("pump"))).toBe(false);
  });
});

describe("a blast radius", () => {
  const fleet: DeviceRecord[] = [
    aDeviceRecord("alone"),
    aDeviceRecord("signed", {
      enrollment: {
        provisioningStatus: "enabled",
        attestation: "x509-client",
        primary: aSlot("signed", days(1), "plant"),
      },
    }),
    aGroupDevice("inplant", "plant"),
    aGroupDevice("mixed", "mixed"),
    aGroupDevice("rooted", "all", {
      identities: [anIdentity("rooted"), anIdentity("rooted", { hub: west, status: "disabled" })],
    }),
    aDeviceRecord("copy", { identities: [anIdentity("copy", { primaryThumbprint: thumbprintOf("alone") })] }),
  ];
  const struck = (target: BlastTarget): [Record<string, string>, BlastRadius] => {
    const radius = new BlastRadius(graph, target);
    const told = fleet.flatMap((device) => {
      const certainty = radius.add(device);
      return certainty === undefined ? [] : [[device.key, certainty] as const];
    });
    return [Object.fromEntries(told), radius];
  };

  it("of an intermediate: what it issued; possibly what shares a group with it", () => {
    const [devices, radius] = struck({ kind: "ca", sha256Thumbprint: plant.sha256Thumbprint });
    expect(devices).toEqual({ signed: "certain", inplant: "certain", mixed: "possible" });
    expect(radius.groupsStruck()).toEqual([
      { groupId: "plant", how: "holds" },
      { groupId: "mixed", how: "holds" },
    ]);
    expect([...radius.hubs]).toEqual([[east, { devices: 3, enabled: 3 }]]);
  });

  it("of a root: everything below it, in every hub", () => {
    const [devices, radius] = struck({ kind: "ca", sha256Thumbprint: root.sha256Thumbprint });
    expect(devices).toEqual({ signed: "certain", inplant: "certain", mixed: "possible", rooted: "certain" });
    expect(radius.groupsStruck().map(({ how }) => how)).toEqual(["holds", "below", "below"]);
    expect(radius.hubs.get(west)).toEqual({ devices: 1, enabled: 0 });
    expect(radius.devices).toEqual({ certain: 3, possible: 1 });
  });

  it("of an intermediate without a group: possibly everybody who came through the group above", () => {
    const line = aCa("line", "root");
    const radius = new BlastRadius(new CaGraph({ ...graph.entries, others: [line] }), {
      kind: "ca",
      sha256Thumbprint: line.sha256Thumbprint,
    });
    expect(radius.groupsStruck()).toEqual([{ groupId: "all", how: "through" }]);
    expect(fleet.map((device) => radius.add(device))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      "possible",
      undefined,
    ]);
  });

  it("is possible where only a device knows who issued the issuer of its leaf", () => {
    const dark = (name: string): DeviceRecord =>
      aDeviceRecord(name, {
        enrollment: {
          provisioningStatus: "enabled",
          attestation: "x509-client",
          primary: aSlot(name, days(1), "unknown"),
        },
      });
    const gap = new CaGraph({
      ...graph.entries,
      groups: [...graph.entries.groups, aGroup("dark", aCa("dark", "unknown"))],
    });
    const radius = new BlastRadius(gap, { kind: "ca", sha256Thumbprint: root.sha256Thumbprint });
    const devices = [dark("a"), aGroupDevice("b", "dark"), aGroupDevice("c", "plant")];
    expect(devices.map((device) => radius.add(device))).toEqual(["possible", "possible", "certain"]);
    expect(radius.groupsStruck()).toContainEqual({ groupId: "dark", how: "possible" });
  });

  it("of a leaf: every device that it opens, enrolled or at a hub", () => {
    expect(struck({ kind: "leaf", thumbprint: thumbprintOf("alone") })[0]).toEqual({
      alone: "certain",
      copy: "certain",
    });
  });

  it("of a device: itself, and whoever shares a certificate with it", () => {
    const thumbprints = thumbprintsOfDevice(fleet[0]!);
    expect(struck({ kind: "device", key: "alone", thumbprints })[0]).toEqual({ alone: "certain", copy: "certain" });
  });
});
