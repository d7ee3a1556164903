import { AttemptId } from "../../../shared/domain/ids";
import { addMs, type Instant } from "../../../shared/domain/instant";
import { addSummaries, summarize } from "../../../shared/domain/roll/batch-summary";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import {
  addCounts,
  countStates,
  deviceState,
  isOpen,
  type DeviceState,
} from "../../../shared/domain/roll/device-state";
import { exposureOf } from "../../../shared/domain/roll/exposure";
import type { Exposure } from "../../../shared/domain/roll/roll";
import { aContainedRow, aRow, closedAt, planned, t0 } from "../../support/builders";

const { attempt: _attempt, ...waiting } = aContainedRow();
const proof = { provenAt: t0, attemptId: AttemptId.parse("a1"), rules: ["report"] };
const closedEntry = { state: "closed" as const, closedAt, disabled: false };

describe("a device's state", () => {
  it.each<[DeviceState, boolean, string, DeviceRow]>([
    ["planned", false, "nothing is cut", aRow()],
    ["staged", false, "DPS is closed", aRow({ entry: closedEntry })],
    ["staged", false, "DPS has no entry", aRow({ entry: { state: "missing", disabled: false } })],
    ["contained-unconfirmed", true, "fresh reads did not confirm", aRow({ entry: closedEntry, unconfirmed: "why" })],
    ["contained", false, "there is no leaf to come back with", { ...waiting, allowed: [] }],
    [
      "contained",
      true,
      "there is no leaf yet, but one is to be judged",
      { ...waiting, allowed: [], replacementPending: "x" },
    ],
    ["await-self-heal", true, "it may come back with the planned leaf", { ...waiting, allowed: [planned] }],
    ["dispatched", true, "it was asked to report", aContainedRow()],
    ["proven", false, "it is proven", aContainedRow({ proof })],
    ["failed", false, "it failed", aContainedRow({ failed: { reason: "r", detail: "d" } })],
    ["skipped", false, "another roll has it, whatever else", aContainedRow({ skipped: "claimed-by x", proof })],
    [
      "proven",
      false,
      "it is proven, though it failed before",
      aContainedRow({ failed: { reason: "r", detail: "d" }, proof }),
    ],
  ])("is %s (open: %s) if %s", (state, open, _why, row) => {
    expect(deviceState(row)).toBe(state);
    expect(isOpen(row)).toBe(open);
  });

  it("is never shown as contained once the claim was taken back", () => {
    const { containedAt: _containedAt, ...reversed } = aContainedRow();
    expect(deviceState(reversed)).toBe("staged");
  });
});

describe("counts", () => {
  it("add up over batches", () => {
    const one = countStates([aRow(), aRow(), aContainedRow()]);
    expect(one).toEqual({ planned: 2, dispatched: 1 });
    expect(addCounts([one, countStates([aContainedRow({ proof })]), {}, one])).toEqual({
      planned: 4,
      dispatched: 2,
      proven: 1,
    });
    expect(addCounts([])).toEqual({});
  });
});

describe("the exposure window", () => {
  const contained = (ms: number): DeviceRow => aContainedRow({ containedAt: addMs(t0, ms) });
  /** By way of batches of three, as the steps do it. */
  const exposure = (rows: readonly DeviceRow[], requestedAt: Instant): Exposure | undefined => {
    const batches = Array.from({ length: Math.ceil(rows.length / 3) }, (_, n) => rows.slice(3 * n, 3 * n + 3));
    return exposureOf(addSummaries(batches.map((some, batch) => summarize(batch, some))).contained, requestedAt);
  };

  it("is unknown while no device is contained", () => {
    expect(exposure([aRow(), aRow({ unconfirmed: "why" })], t0)).toBeUndefined();
  });

  it("is measured from the request, in nearest ranks", () => {
    const rows = Array.from({ length: 20 }, (_, n) => contained((n + 1) * 100));
    expect(exposure([...rows].reverse(), t0)).toEqual({ p50Ms: 1_000, p95Ms: 1_900, maxMs: 2_000 });
    expect(exposure([contained(7)], t0)).toEqual({ p50Ms: 7, p95Ms: 7, maxMs: 7 });
  });

  it("leaves out devices that were never confirmed", () => {
    expect(exposure([contained(5), aRow()], t0)?.maxMs).toBe(5);
  });

  it("is never negative, should the clocks disagree", () => {
    expect(exposure([contained(0)], addMs(t0, 50))?.maxMs).toBe(0);
  });
});
