import fc from "fast-check";
import { cronCalendar } from "../../../../shared/adapters/calendar/cron-calendar";
import { addMs, formatInstant, parseInstant, type Instant } from "../../../../shared/domain/instant";
import {
  endsBeforeExpiry,
  isOpen,
  nextOpening,
  openTime,
  plannedEnd,
  type Freeze,
  type MaintenanceWindow,
  type WorkTimes,
} from "../../../../shared/domain/pacing/windows";

const MINUTE = 60_000;
const STEP = 5 * MINUTE;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const at = (text: string): Instant => {
  const read = parseInstant(text);
  if (read === undefined) throw new Error(text);
  return read;
};
const window = (cron: string, durationMinutes: number, timeZone = "UTC"): MaintenanceWindow => ({
  cron,
  durationMinutes,
  timeZone,
});
const freeze = (from: string, until: string): Freeze => ({ from: at(from), until: at(until), reason: "peak season" });
const always: WorkTimes = { windows: [], freezes: [] };
/** Thursdays and Fridays; 1 January 2026 is a Thursday. */
const nights: WorkTimes = { windows: [window("0 22 * * THU,FRI", 240)], freezes: [] };
const far = at("2030-01-01T00:00:00Z");
const opening = (times: WorkTimes, from: string, latest = far): string | undefined => {
  const found = nextOpening(times, at(from), latest, cronCalendar);
  return found === undefined ? undefined : formatInstant(found);
};
const openAt = (times: WorkTimes, moment: string): boolean => isOpen(times, at(moment), cronCalendar);

describe("isOpen", () => {
  it.each([
    ["2026-01-01T21:59:59.999Z", false],
    ["2026-01-01T22:00:00Z", true],
    ["2026-01-02T01:59:59.999Z", true],
    ["2026-01-02T02:00:00Z", false],
    ["2026-01-03T01:00:00Z", true],
    ["2026-01-03T23:00:00Z", false],
  ])("%s: %s", (moment, open) => {
    expect(openAt(nights, moment)).toBe(open);
  });

  it("is always open without windows, but never within a freeze", () => {
    expect(openAt(always, "2026-01-01T12:00:00Z")).toBe(true);
    const frozen = { ...nights, freezes: [freeze("2026-01-01T23:00:00Z", "2026-01-02T01:00:00Z")] };
    expect(openAt(frozen, "2026-01-01T22:59:59Z")).toBe(true);
    expect(openAt(frozen, "2026-01-01T23:00:00Z")).toBe(false);
    expect(openAt(frozen, "2026-01-02T00:59:59Z")).toBe(false);
    expect(openAt(frozen, "2026-01-02T01:00:00Z")).toBe(true);
  });
});

describe("nextOpening", () => {
  it("is now if it is open, else the next start, else the end of a freeze within a window", () => {
    expect(opening(nights, "2026-01-01T23:30:00Z")).toBe("2026-01-01T23:30:00.000Z");
    expect(opening(nights, "2026-01-02T02:00:00Z")).toBe("2026-01-02T22:00:00.000Z");
    expect(opening(nights, "2026-01-03T02:00:00Z")).toBe("2026-01-08T22:00:00.000Z");
    const frozen = { ...nights, freezes: [freeze("2026-01-01T00:00:00Z", "2026-01-01T23:30:00Z")] };
    expect(opening(frozen, "2026-01-01T01:00:00Z")).toBe("2026-01-01T23:30:00.000Z");
  });

  it("goes through freezes that follow each other", () => {
    const freezes = [
      freeze("2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z"),
      freeze("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    ];
    expect(opening({ windows: [], freezes }, "2026-01-01T12:00:00Z")).toBe("2026-01-09T00:00:00.000Z");
    expect(opening({ ...nights, freezes }, "2026-01-01T12:00:00Z")).toBe("2026-01-09T00:00:00.000Z");
  });

  it("is none at or after `latest`, and none for a window that never comes", () => {
    expect(opening(nights, "2026-01-01T00:00:00Z", at("2026-01-01T22:00:00Z"))).toBeUndefined();
    expect(opening({ windows: [window("0 0 30 2 *", 60)], freezes: [] }, "2026-01-01T00:00:00Z")).toBeUndefined();
  });
});

describe("the clocks of a time zone", () => {
  const berlin: WorkTimes = { windows: [window("30 2 * * *", 60, "Europe/Berlin")], freezes: [] };

  it("opens at the same time by the wall in winter and summer", () => {
    expect(opening(berlin, "2026-01-10T12:00:00Z")).toBe("2026-01-11T01:30:00.000Z");
    expect(opening(berlin, "2026-07-10T12:00:00Z")).toBe("2026-07-11T00:30:00.000Z");
  });

  it("opens right after the hour that does not exist, for the full time", () => {
    expect(opening(berlin, "2026-03-28T12:00:00Z")).toBe("2026-03-29T01:00:00.000Z");
    expect(openAt(berlin, "2026-03-29T01:59:59Z")).toBe(true);
    expect(openAt(berlin, "2026-03-29T02:00:00Z")).toBe(false);
  });

  it("opens once where an hour comes twice", () => {
    const day = openTime(berlin, at("2026-10-24T12:00:00Z"), at("2026-10-25T12:00:00Z"), cronCalendar);
    expect(day).toBe(HOUR);
    expect(opening(berlin, "2026-10-24T12:00:00Z")).toBe("2026-10-25T00:30:00.000Z");
    expect(openAt(berlin, "2026-10-25T01:30:00Z")).toBe(false);
  });

  it("a window across the change lasts as long as any other", () => {
    const across: WorkTimes = { windows: [window("0 1 * * SUN", 240, "Europe/Berlin")], freezes: [] };
    for (const day of ["2026-03-29", "2026-10-25", "2026-06-07"]) {
      const from = addMs(at(`${day}T00:00:00Z`), -12 * HOUR);
      expect(openTime(across, from, addMs(from, 36 * HOUR), cronCalendar)).toBe(4 * HOUR);
    }
  });
});

describe("openTime and plannedEnd", () => {
  it("counts what lies within, once where windows overlap, without freezes", () => {
    const times: WorkTimes = {
      windows: [window("0 22 * * *", 180), window("0 23 * * *", 180)],
      freezes: [freeze("2026-01-01T22:30:00Z", "2026-01-01T23:30:00Z")],
    };
    const [from, to] = [at("2026-01-01T12:00:00Z"), at("2026-01-02T12:00:00Z")];
    expect(openTime(times, from, to, cronCalendar)).toBe(3 * HOUR);
    expect(openTime(always, from, to, cronCalendar)).toBe(DAY);
    expect(openTime(times, to, from, cronCalendar)).toBe(0);
  });

  it("work rests outside the windows", () => {
    const from = at("2026-01-01T12:00:00Z");
    const end = (hours: number) => plannedEnd(hours * HOUR, nights, from, far, cronCalendar);
    expect(end(4)).toBe(at("2026-01-02T02:00:00Z"));
    expect(end(5)).toBe(at("2026-01-02T23:00:00Z"));
    expect(end(9)).toBe(at("2026-01-08T23:00:00Z"));
    expect(plannedEnd(5 * HOUR, always, from, far, cronCalendar)).toBe(at("2026-01-01T17:00:00Z"));
    expect(plannedEnd(5 * HOUR, nights, from, at("2026-01-02T22:59:59Z"), cronCalendar)).toBe("never");
  });

  it("keeps a day free before the first certificate expires", () => {
    const from = at("2026-01-01T12:00:00Z");
    const ends = (notAfter: string) => endsBeforeExpiry(5 * HOUR, nights, from, at(notAfter), cronCalendar);
    expect(ends("2026-01-03T23:00:00Z")).toBe(at("2026-01-02T23:00:00Z"));
    expect(ends("2026-01-03T22:59:59Z")).toBe("never");
    expect(ends("1970-01-01T01:00:00Z")).toBe("never");
  });

  it("agrees with asking every five minutes, and work as long as the open time ends within it", () => {
    const crons = fc.constantFrom("0 * * * *", "*/20 * * * *", "30 2 * * *", "0 22 * * THU", "15 1-3 * * SUN");
    const windows = fc.array(
      fc.record({
        cron: crons,
        timeZone: fc.constantFrom("UTC", "Europe/Berlin", "America/New_York"),
        durationMinutes: fc.integer({ min: 1, max: 40 }).map((fives) => 5 * fives),
      }),
      { maxLength: 3 },
    );
    // Days on which clocks change are among them.
    const days = fc.constantFrom("2026-01-01", "2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01");
    const freezes = fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 60 })), { maxLength: 2 });
    fc.assert(
      fc.property(windows, days, freezes, (all, day, frozen) => {
        const from = at(`${day}T00:00:00Z`);
        const to = addMs(from, 8 * HOUR);
        const times: WorkTimes = {
          windows: all,
          freezes: frozen.map(([start, length]) => ({
            from: addMs(from, start * STEP),
            until: addMs(from, (start + length) * STEP),
            reason: "",
          })),
        };
        let steps = 0;
        for (let step = from; step < to; step = addMs(step, STEP)) steps += isOpen(times, step, cronCalendar) ? 1 : 0;
        const open = openTime(times, from, to, cronCalendar);
        expect(open).toBe(steps * STEP);
        if (open === 0) return;
        const end = plannedEnd(open, times, from, to, cronCalendar);
        expect(end).not.toBe("never");
        expect(plannedEnd(open + 1, times, from, to, cronCalendar)).toBe("never");
      }),
      { numRuns: 25 },
    );
  });
});

describe("the calendar", () => {
  it.each([
    ["0 22 * * FRI", "Europe/Berlin", undefined],
    ["0 22 * * *", "Mars/Olympus", "cannot be read"],
    ["61 * * * *", "UTC", "cannot be read"],
    ["0 0 22 * * *", "UTC", "cannot be read"],
    ["0 0 30 2 *", "UTC", "names no moment"],
  ])("%s in %s: %s", (cron, timeZone, problem) => {
    const found = cronCalendar.problem(window(cron, 60, timeZone));
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });
});
