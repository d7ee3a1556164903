import { readFileSync } from "node:fs";
import { ModuleId, RegistrationId } from "../../../shared/domain/ids";
import { CaGraph } from "../../../shared/domain/inventory/ca-graph";
import type { FleetEntries } from "../../../shared/domain/inventory/fleet-entries";
import { LintCode, type Finding } from "../../../shared/domain/inventory/inventory";
import { lintDevice } from "../../../shared/domain/inventory/lint-device";
import { lintLimits, lintTrust } from "../../../shared/domain/inventory/lint-trust";
import type { DeviceRecord } from "../../../shared/domain/inventory/records";
import { SharedCertificates } from "../../../shared/domain/inventory/shared-certificates";
import { aCa, aGroup, inDps, thumbprintOf } from "../../support/ca-entries";
import { aDeviceRecord, aGroupDevice, anIdentity, aSlot, days, east, now, west } from "./devices";

const root = { ...aCa("root"), notAfter: days(400) };
const plant = { ...aCa("plant", "root"), notAfter: days(200) };
const verified = inDps(root, true);

function trust(entries: Partial<FleetEntries>): string[] {
  return briefly(lintTrust(new CaGraph({ authorities: [verified], groups: [], individuals: [], ...entries }), now));
}

function briefly(findings: readonly Finding[]): string[] {
  return findings.map(({ code, severity, subject }) => `${severity} ${code} ${subject.kind} ${subject.id}`);
}

describe("lints of CA certificates and groups", () => {
  it.each<[string, Partial<FleetEntries>, string[]]>([
    ["a group that refers to a verified CA", { groups: [aGroup("g", "root")] }, []],
    ["a CA that nothing hangs on", {}, ["info ca-unused ca root"]],
    [
      "a CA in use that ends within 90 days",
      { authorities: [inDps({ ...root, notAfter: days(89) }, true)], groups: [aGroup("g", "root")] },
      ["warning ca-expiring ca root"],
    ],
    [
      "one that ends after them",
      { authorities: [inDps({ ...root, notAfter: days(91) }, true)], groups: [aGroup("g", "root")] },
      [],
    ],
    [
      "a CA in use that has ended",
      { authorities: [inDps({ ...root, notAfter: days(-1) }, true)], groups: [aGroup("g", "root")] },
      ["critical ca-expired ca root"],
    ],
    [
      "a group's own CA that ends soon",
      { authorities: [inDps(plant, true)], groups: [aGroup("g", { ...plant, notAfter: days(3) })] },
      ["warning ca-expiring group g"],
    ],
    [
      "a group that refers to a CA that is not there",
      { groups: [aGroup("g", "root", "gone")] },
      ["critical dangling-reference group g"],
    ],
    [
      "a group that refers to a CA nobody verified",
      { authorities: [verified, inDps(plant, false)], groups: [aGroup("g", "root"), aGroup("h", "plant")] },
      ["info implicit-anchor ca root", "warning unverified-reference group h"],
    ],
    [
      "the same without a verified CA above it",
      { authorities: [inDps(aCa("alone"), false)], groups: [aGroup("h", "alone")] },
      ["critical unverified-reference group h"],
    ],
    [
      "a CA that a group leans on without naming it",
      { groups: [aGroup("g", plant)] },
      ["info implicit-anchor ca root"],
    ],
    [
      "a group with no verified CA above it",
      { authorities: [inDps(root, false)], groups: [aGroup("g", plant)] },
      ["critical not-anchored group g"],
    ],
    ["a group whose chain only devices know", { authorities: [], groups: [aGroup("g", plant)] }, []],
    [
      "a group without a free slot",
      { authorities: [verified, inDps(plant, true)], groups: [aGroup("g", "root", "plant")] },
      ["info group-slots-full group g"],
    ],
    [
      "a CA in two groups",
      { groups: [aGroup("g", "root"), aGroup("h", "root")] },
      ["warning certificate-in-two-entries group g"],
    ],
  ])("%s", (_name, entries, expected) => {
    expect(trust(entries)).toEqual(expected);
  });

  it("speak up at nine tenths of a limit", () => {
    const used = { authorities: 22, groups: 90, enrollments: 10, registrations: 900_000 };
    expect(briefly(lintLimits(used))).toEqual([
      "warning near-limit limit groups",
      "warning near-limit limit registrations",
    ]);
  });
});

describe("lints of a device", () => {
  const graph = new CaGraph({
    authorities: [verified],
    groups: [aGroup("on", plant), aGroup("off", root, undefined, "disabled")],
    individuals: [],
  });
  const leaf = (notAfter: number, issuer?: string): NonNullable<DeviceRecord["enrollment"]> => ({
    provisioningStatus: "enabled",
    attestation: "x509-client",
    primary: aSlot("pump", days(notAfter), issuer),
  });

  it.each<[string, DeviceRecord, string[]]>([
    ["all is well with it", aDeviceRecord("pump"), []],
    ["all is well with it, in a group", aGroupDevice("pump", "on"), []],
    ["its only leaf has expired", aDeviceRecord("pump", { enrollment: leaf(-1) }), ["warning leaf-expired"]],
    [
      "its older leaf has expired",
      aDeviceRecord("pump", { enrollment: { ...leaf(10), secondary: aSlot("old", days(-1)) } }),
      ["info leaf-expired"],
    ],
    [
      "its leaf outlives its CA",
      aDeviceRecord("pump", { enrollment: leaf(201, "plant") }),
      ["warning leaf-outlives-ca"],
    ],
    ["its leaf ends with its CA", aDeviceRecord("pump", { enrollment: leaf(200, "plant") }), []],
    [
      "its enrollment is disabled, the hub lets it in",
      aDeviceRecord("pump", { enrollment: { ...leaf(10), provisioningStatus: "disabled" } }),
      ["critical enabled-at-hub-only"],
    ],
    ["its group is disabled, the hub lets it in", aGroupDevice("pump", "off"), ["critical enabled-at-hub-only"]],
    ["both say no", aGroupDevice("pump", "off", { identities: [anIdentity("pump", { status: "disabled" })] }), []],
    [
      "the hub holds a leaf that its enrollment does not",
      aDeviceRecord("pump", { identities: [anIdentity("pump", { secondaryThumbprint: thumbprintOf("thief") })] }),
      ["warning hub-leaf-not-in-entry"],
    ],
    [
      "a hub that it was not assigned to lets it in",
      aDeviceRecord("pump", { identities: [anIdentity("pump"), anIdentity("pump", { hub: west })] }),
      ["warning identity-at-other-hub"],
    ],
    ["DPS does not know it", { key: "pump", identities: [anIdentity("pump")] }, ["info identity-without-entry"]],
    ["its registration outlived its group", aGroupDevice("pump", "gone"), ["info orphaned-registration"]],
    [
      "two enrollments name it",
      aDeviceRecord("pump", { alsoEnrolledAs: [RegistrationId.parse("pump-2")] }),
      ["warning two-entries-for-one-device"],
    ],
    [
      "it enrolls by X.509 and connects by keys",
      aGroupDevice("pump", "on", { identities: [anIdentity("pump", { authentication: "sas" })] }),
      ["warning sas-next-to-x509"],
    ],
    [
      "its module has keys",
      aDeviceRecord("pump", { modules: [{ hub: east, moduleId: ModuleId.parse("m"), authentication: "sas" }] }),
      ["info module-with-keys"],
    ],
  ])("%s", (_name, device, expected) => {
    expect(lintDevice(device, { graph, now }).map(({ code, severity }) => `${severity} ${code}`)).toEqual(expected);
  });

  it("say which devices share a certificate, in DPS and at a hub", () => {
    const shared = new SharedCertificates();
    const twin = aDeviceRecord("twin", {
      enrollment: { ...leaf(10), primary: aSlot("pump", days(1)) },
      identities: [anIdentity("twin", { primaryThumbprint: thumbprintOf("pump"), secondaryThumbprint: undefined })],
    });
    expect(shared.add(aDeviceRecord("pump"))).toEqual([]);
    expect(shared.add(aDeviceRecord("pump"))).toEqual([]);
    expect(briefly(shared.add(twin))).toEqual([
      "warning certificate-in-two-entries device twin",
      "critical shared-leaf-key device twin",
    ]);
  });

  it("are each shown by an example above, as far as they can be judged here", () => {
    // By the gathering itself.
    const elsewhere = ["ca-unreadable"];
    const text = readFileSync(__filename, "utf8");
    expect(LintCode.options.filter((code) => !text.includes(` ${code}`) && !elsewhere.includes(code))).toEqual([]);
  });
});
