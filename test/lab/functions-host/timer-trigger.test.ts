import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSchedule } from "../../../lab/functions-host/triggers/schedule";
import { VirtualClock } from "../../../lab/functions-host/virtual-clock";
import { type AppHost, startApp } from "./app-host";
import { noEvents } from "./event-sources";

const begin = Date.parse("2026-01-01T00:30:00Z");

describe("schedules", () => {
  const next = (text: string, from = begin, zone = "UTC") => {
    const time = parseSchedule(text, zone, "f", begin).next(from);
    return time === undefined ? undefined : new Date(time).toISOString();
  };

  test.each([
    ["six fields begin with seconds", "30 */5 * * * *", "2026-01-01T00:30:30.000Z"],
    ["five fields are taken", "*/5 * * * *", "2026-01-01T00:35:00.000Z"],
    ["a time span is a constant interval", "00:00:10", "2026-01-01T00:30:10.000Z"],
    ["day of month and day of week must both match", "0 0 0 13 * FRI", "2026-02-13T00:00:00.000Z"],
  ])("%s", (_what, text, expected) => {
    expect(next(text)).toBe(expected);
  });

  test("follows WEBSITE_TIME_ZONE", () => {
    expect(next("0 0 9 * * *", begin, "Europe/Berlin")).toBe("2026-01-01T08:00:00.000Z");
  });

  test.each(["", "* *", "0 99 * * * *", "soon"])("refuses %j with an example", (text) => {
    expect(() => parseSchedule(text, "UTC", "f", begin)).toThrow(/Function "f": the schedule .* Write six fields/);
  });
});

describe("timer triggers", () => {
  let folder: string;
  let app: AppHost | undefined;
  let clock: VirtualClock;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "timer-trigger-"));
    clock = new VirtualClock(begin);
    clock.pause();
  });
  afterEach(async () => {
    await app?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const open = async (hourly: string): Promise<AppHost> => {
    app = await startApp("triggers", {
      storeFile: join(folder, "host.db"),
      openEventSource: noEvents,
      clock,
      settings: { EVENTS: "Endpoint=sb://none", HUB_NAME: "none", HOURLY: hourly, RECORD_FILE: join(folder, "record") },
    });
    return app;
  };
  const fired = (): { timer: { isPastDue: boolean; scheduleStatus?: { last: string; next: string } } }[] => {
    const file = join(folder, "record");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as ReturnType<typeof fired>[number]);
  };

  test("fires at its time, which a setting names", async () => {
    const host = await open("0 0 * * * *");
    expect(fired()).toEqual([]);
    clock.step();
    await host.until(() => fired().length === 1, "The occurrence");
    expect(new Date(clock.now()).toISOString()).toBe("2026-01-01T01:00:00.000Z");
    expect(fired()[0]?.timer).toMatchObject({ isPastDue: false, scheduleStatus: { next: "2026-01-01T02:00:00.000Z" } });
  });

  test("an occurrence that was missed while the host was down is made up for once", async () => {
    await (await open("0 0 * * * *")).stop();
    clock = new VirtualClock(begin + 5 * 3_600_000);
    clock.pause();
    const host = await open("0 0 * * * *");
    await host.until(() => fired().length === 1, "The missed occurrence");
    expect(fired()[0]?.timer.isPastDue).toBe(true);
  });

  test("can be run by hand", async () => {
    const host = await open("0 0 * * * *");
    const run = (name: string) =>
      fetch(`${host.host.url}/admin/functions/${name}`, { method: "POST", body: JSON.stringify({ input: "" }) });
    expect((await run("hourly")).status).toBe(202);
    await host.until(() => fired().length === 1, "The run");
    expect((await run("nobody")).status).toBe(404);
  });

  test("a setting that is not set is named at start", async () => {
    await expect(
      startApp("triggers", { openEventSource: noEvents, settings: { EVENTS: "x", HUB_NAME: "h" } }),
    ).rejects.toThrow('Function "hourly": "schedule": "%HOURLY%" names a setting that is not set. Set HOURLY.');
  });
});
