import fc from "fast-check";
import { deviceCondition, jobConditions } from "../../../shared/domain/hub/device-query";
import { DeviceId } from "../../../shared/domain/ids";

const id = (text: string): DeviceId => DeviceId.parse(text);

describe("a condition for devices", () => {
  it("quotes each id so that nothing in it needs an escape", () => {
    expect(deviceCondition([id("a"), id("it's"), id("x,y=z")])).toBe(`deviceId IN ['a',"it's",'x,y=z']`);
  });

  it("is there for nobody where there is nobody", () => {
    expect(jobConditions([])).toEqual([]);
  });

  it("is cut so that every device is in exactly one, in order, and each fits a query", () => {
    const ids = fc.array(fc.stringMatching(/^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/), {
      minLength: 1,
      maxLength: 900,
    });
    fc.assert(
      fc.property(ids, (texts) => {
        const all = texts.map(id);
        const parts = jobConditions(all);
        expect(parts.flatMap(({ deviceIds }) => deviceIds)).toEqual(all);
        for (const { deviceIds, condition } of parts) {
          expect(condition).toBe(deviceCondition(deviceIds));
          expect(condition.length).toBeLessThanOrEqual(7_500);
        }
      }),
    );
  });

  it("holds as many devices as fit", () => {
    const all = Array.from({ length: 1_000 }, (_one, index) => id(`device-${String(index).padStart(29, "0")}`));
    const [first, second] = jobConditions(all);
    const more = deviceCondition([...first!.deviceIds, second!.deviceIds[0]!]);
    expect(more.length).toBeGreaterThan(7_500);
  });
});
