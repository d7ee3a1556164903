import fc from "fast-check";
import { DeviceId, RegistrationId } from "../../../shared/domain/ids";
import { deviceKey, DeviceJoin, shardOf } from "../../../shared/domain/inventory/join";
import { DeviceRecord, type GatheredLine } from "../../../shared/domain/inventory/records";
import { anEnrollment, anIdentity, days, lines, now, west } from "./devices";

function join(all: readonly GatheredLine[], shard = 0, shards = 1): DeviceRecord[] {
  const joined = new DeviceJoin(shard, shards);
  for (const line of all) joined.add(line);
  return [...joined.devices()].map((device) => ({
    ...device,
    identities: [...device.identities].sort((a, b) => (`${a.hub}${a.deviceId}` < `${b.hub}${b.deviceId}` ? -1 : 1)),
  }));
}

const names = fc.constantFrom("a", "b", "pump-1", "pump-2");
const line: fc.Arbitrary<GatheredLine> = fc.oneof(
  names.map((name) => lines.enrollment(anEnrollment(name))),
  names.map((name) => lines.enrollment(anEnrollment(`of-${name}`, { deviceId: DeviceId.parse(name) }))),
  fc
    .tuple(names, fc.constantFrom(west, undefined))
    .map(([name, hub]) => lines.identity(anIdentity(name, hub && { hub }))),
  fc.tuple(names, fc.nat(3)).map(([name, at]) => lines.registration(name, `g${at}`, days(at))),
  names.map((name) => lines.module(name, "m1")),
);

describe("lines about devices", () => {
  it("join to the same devices in any order, and when a page was read twice", () => {
    fc.assert(
      fc.property(
        fc
          .array(line, { maxLength: 12 })
          .chain((all) =>
            fc.tuple(
              fc.constant(all),
              fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
              fc.array(fc.constantFrom(...all, lines.module("a", "m1")), { maxLength: all.length === 0 ? 0 : 4 }),
            ),
          ),
        ([all, shuffled, again]) => {
          const repeated = again.filter((one) => all.includes(one));
          expect(join([...shuffled, ...repeated])).toEqual(join(all));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("join to the same devices shard by shard as all at once", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), (all, shards) => {
        const parts = Array.from({ length: shards }, (_, shard) => join(all, shard, shards)).flat();
        expect(parts.sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(join(all));
        for (const one of all) expect(shardOf(deviceKey(one), shards)).toBeLessThan(shards);
      }),
    );
  });

  it("put a device together from its entry, its registration, and its identity of another case in every hub", () => {
    const [device, ...others] = join([
      lines.identity(anIdentity("Press-7", { hub: west })),
      lines.identity(anIdentity("Press-7")),
      lines.module("Press-7", "edge"),
      lines.enrollment(anEnrollment("reg-7", { deviceId: DeviceId.parse("Press-7") })),
    ]);
    expect(others).toEqual([]);
    expect(device).toMatchObject({ key: "press-7", registrationId: "reg-7", modules: [{ moduleId: "edge" }] });
    expect(device?.identities.map(({ hub }) => hub)).toEqual([anIdentity("x").hub, west]);
    expect(DeviceRecord.parse(JSON.parse(JSON.stringify(device)))).toEqual(device);
  });

  it("keep the later of two registrations, and the group it came through", () => {
    const both = [lines.registration("a", "old", now), lines.registration("a", "new", days(1))];
    expect(join(both)[0]).toMatchObject({ groupId: "new", registration: { at: days(1) } });
  });

  it("note the second enrollment that names the same hub device", () => {
    const all = ["one", "two"].map((id) => lines.enrollment(anEnrollment(id, { deviceId: DeviceId.parse("pump") })));
    expect(join(all)[0]).toMatchObject({ registrationId: "one", alsoEnrolledAs: [RegistrationId.parse("two")] });
  });
});
