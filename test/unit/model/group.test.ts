import * as fc from "fast-check";
import { play, stories } from "./commands";
import { EDITS, GroupFleet, type Setting } from "./group-fleet";
import { runs } from "./runs";

const order = fc.record({ renews: fc.boolean(), namesLeaf: fc.boolean() });
const setting: fc.Arbitrary<Setting> = fc.record({
  hubs: fc.constantFrom(1 as const, 2 as const),
  members: fc.integer({ min: 1, max: 3 }),
  family: fc.constantFrom("caReferences" as const, "signingCertificates" as const),
  hasKeys: fc.boolean(),
  breach: order,
  wider: order,
});

it("whatever happens to an expiry roll and two breaches of a group's CA, the laws hold", async () => {
  await fc.assert(
    fc.asyncProperty(setting, stories(EDITS), (given, story) => play(new GroupFleet(given), story)),
    runs,
  );
}, 3_600_000);
