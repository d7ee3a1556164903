import * as fc from "fast-check";
import { play, stories } from "./commands";
import { EDITS, IndividualFleet, type BreachOrder, type Setting } from "./individual-fleet";
import { runs } from "./runs";

const order: fc.Arbitrary<BreachOrder> = fc.record({
  containment: fc.constantFrom("sentinel", "sentinel", "replace", "disable", "delete", "reprovision"),
  renews: fc.boolean(),
  namesLeaf: fc.boolean(),
});
const setting: fc.Arbitrary<Setting> = fc.record({
  hubs: fc.constantFrom(1 as const, 2 as const),
  standbys: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
  leaked: fc.integer({ min: 1, max: 4 }),
  breach: order,
  wider: order,
});
it("whatever happens to an expiry roll and two breaches of individually enrolled devices, the laws hold", async () => {
  await fc.assert(
    fc.asyncProperty(setting, stories(EDITS), (given, story) => play(new IndividualFleet(given), story)),
    runs,
  );
}, 3_600_000);
