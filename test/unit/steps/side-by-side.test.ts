import { RollError } from "../../../shared/domain/roll-error";
import { askSideBySide, SIDE_BY_SIDE } from "../../../shared/steps/side-by-side";

const away = (): RollError => new RollError("service-unavailable", "no answer", true);
const items = Array.from({ length: 90 }, (_, n) => n);

test("a service that fails for everyone is asked once per place, not once per device", async () => {
  let asked = 0;
  const answers = await askSideBySide(items, async () => {
    asked += 1;
    await Promise.resolve();
    throw away();
  });
  expect(asked).toBeLessThanOrEqual(SIDE_BY_SIDE);
  expect(answers).toHaveLength(items.length);
  expect(answers.every((answer) => answer instanceof RollError)).toBe(true);
});

test("a few devices that a service fails for hold up nobody", async () => {
  const answers = await askSideBySide(items, (n) => (n % 20 === 0 ? Promise.reject(away()) : Promise.resolve(n)));
  expect(answers.filter((answer) => answer instanceof RollError)).toHaveLength(5);
  expect(answers.filter((answer) => typeof answer === "number")).toHaveLength(85);
});

test("a bug is not an outage", async () => {
  await expect(askSideBySide(items, () => Promise.reject(new TypeError("bug")))).rejects.toThrow("bug");
});
