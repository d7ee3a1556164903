import type { z } from "zod";
import {
  AttemptId,
  AuthorityName,
  DeviceId,
  EnrollmentGroupId,
  Etag,
  HubHostName,
  HubJobId,
  ModuleId,
  RegistrationId,
  RollId,
  Sha256Thumbprint,
} from "../../../shared/domain/ids";
import { addMs, formatInstant, instant, Instant, parseInstant } from "../../../shared/domain/instant";
import { isProblem, problem } from "../../../shared/domain/outcome";

const cases: readonly (readonly [name: string, schema: z.ZodType, good: readonly string[], bad: readonly string[]])[] =
  [
    [
      "roll id",
      RollId,
      ["20260101T000000000Z-1f0c9a3e"],
      [
        "",
        "20260101T000000000Z-1F0C9A3E",
        "20260101T000000000Z-1f0c9a3",
        "../20260101T000000000Z-1f0c9a3e",
        "20260101T000000000Z-1f0c9a3e\n",
      ],
    ],
    [
      "registration id",
      RegistrationId,
      ["a", "pump-1", "a.b_c:d-e", "a".repeat(128)],
      ["", "Pump-1", "pump.", "pump_", "pump 1", "a".repeat(129), "pümp", "a/b"],
    ],
    ["group id", EnrollmentGroupId, ["fleet-eu", "a.b_c:d-e"], ["", "Fleet", "fleet.", "a/b", "a".repeat(129)]],
    ["authority name", AuthorityName, ["Fleet_Root.2026-a", "a".repeat(64)], ["", "a b", "a/b", "a".repeat(65)]],
    ["module id", ModuleId, ["$edgeAgent", "camera"], ["", "a b", "a/b", "a".repeat(129)]],
    ["job id", HubJobId, ["job-1", "a".repeat(64)], ["", "a_b", "a b", "a/../b", "a".repeat(65)]],
    ["device id", DeviceId, ["Pump-1", "a:b.c+d%e_f#g*h?i!(j),k=l@m;n$o'p"], ["", "a b", "a/b", "ä", "a".repeat(129)]],
    [
      "hub host name",
      HubHostName,
      ["lab-hub.azure-devices.net"],
      ["", "Lab-hub.azure-devices.net", "https://lab-hub", "-hub.net", "hub|x.net"],
    ],
    [
      "thumbprint",
      Sha256Thumbprint,
      ["0123456789ABCDEF".repeat(4)],
      ["0123456789abcdef".repeat(4), "A".repeat(40), "A".repeat(65), `${"AB:".repeat(31)}AB`],
    ],
    ["attempt id", AttemptId, ["a1", "a999999"], ["a0", "a01", "1", "a1000000", "b1"]],
    ["etag", Etag, ['"MQ=="', "*"], [""]],
  ];

describe.each(cases)("a %s", (_name, schema, good, bad) => {
  it.each(good)("may be %j", (text) => {
    expect(schema.safeParse(text).success).toBe(true);
  });
  it.each(bad)("may not be %j", (text) => {
    expect(schema.safeParse(text).success).toBe(false);
  });
});

describe("an instant", () => {
  it.each([
    ["2026-01-01T00:00:00Z", Date.UTC(2026, 0, 1)],
    ["2026-01-01T00:00:00.1234567Z", Date.UTC(2026, 0, 1) + 123],
    ["2026-01-01T01:00:00+01:00", Date.UTC(2026, 0, 1)],
    ["Thu, 01 Jan 2026 00:00:00 GMT", Date.UTC(2026, 0, 1)],
  ])("is read from %s", (text, ms) => {
    expect(parseInstant(text)).toBe(ms);
  });

  it.each(["", "soon", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z"])("is not read from %j", (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  it("is a whole number of milliseconds and never before 1970", () => {
    expect(instant(1.9)).toBe(1);
    expect(() => instant(-1)).toThrow();
    expect(() => instant(Number.NaN)).toThrow();
    expect(Instant.safeParse(1.5).success).toBe(false);
  });

  it("is written in UTC with milliseconds, and read back the same", () => {
    const at = instant(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
    expect(formatInstant(at)).toBe("2026-01-02T03:04:05.678Z");
    expect(parseInstant(formatInstant(addMs(at, 1)))).toBe(at + 1);
  });
});

it("a problem is told from a result, and carries no empty list of issues", () => {
  const refused = problem(404, "unknown-roll", "no such roll");
  expect(isProblem(refused)).toBe(true);
  expect("issues" in refused).toBe(false);
  expect(isProblem({ outcome: "accepted" })).toBe(false);
  expect(isProblem({})).toBe(false);
});
