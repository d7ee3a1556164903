import fc from "fast-check";
import { addMs } from "../../../../shared/domain/instant";
import { judgeWave, SHOW_RESULTS_MS, type WaveCounts } from "../../../../shared/domain/pacing/judge-wave";
import { t0 } from "../../../support/builders";

const wave = { size: 100, successThreshold: 0.9, errorThreshold: 0.2, minCount: 10, settleMs: 0 };
const counts = (given: Partial<WaveCounts>): WaveCounts => {
  const { succeeded = 0, failed = 0, unreachable = 0 } = given;
  return { succeeded, failed, unreachable, open: 100 - succeeded - failed - unreachable };
};
const goOn = { verdict: "go-on" };
const wait = { verdict: "wait" };
const brake = (reason: string) => ({ verdict: "brake", reason });
const later = (ms: number) => addMs(t0, ms);

describe("judgeWave", () => {
  it.each([
    ["nothing yet", {}, wait],
    ["the success threshold is reached", { succeeded: 90 }, goOn],
    ["one short of it", { succeeded: 89 }, wait],
    ["errors up to their threshold, exactly", { succeeded: 40, failed: 10 }, wait],
    ["errors above their threshold", { succeeded: 39, failed: 10 }, brake("too-many-errors")],
    ["the last error that success can bear", { succeeded: 80, failed: 10 }, wait],
    ["one error more", { succeeded: 80, failed: 11 }, brake("success-out-of-reach")],
    ["errors before enough devices have finished", { failed: 9 }, wait],
    ["all of the first ten failed", { failed: 10 }, brake("too-many-errors")],
    ["unreachable devices are no part of the success share", { succeeded: 18, unreachable: 80 }, goOn],
    [
      "unreachable devices are no part of the error share",
      { succeeded: 8, failed: 3, unreachable: 80 },
      brake("too-many-errors"),
    ],
    ["everybody is unreachable", { unreachable: 100 }, wait],
  ])("%s", (_name, given, verdict) => {
    expect(judgeWave(counts(given), wave, t0, later(1_000))).toEqual(verdict);
  });

  it("brakes after an hour without enough finished devices, and not a moment before", () => {
    const few = counts({ succeeded: 9, unreachable: 91 });
    expect(judgeWave(few, wave, t0, later(SHOW_RESULTS_MS - 1))).toEqual(wait);
    expect(judgeWave(few, wave, t0, later(SHOW_RESULTS_MS))).toEqual(brake("too-few-finished"));
    expect(judgeWave(counts({ succeeded: 10 }), wave, t0, later(SHOW_RESULTS_MS))).toEqual(wait);
  });

  it("a wave smaller than minCount is judged when all of it has finished", () => {
    const small = { ...wave, size: 3 };
    expect(judgeWave({ succeeded: 2, failed: 0, unreachable: 0, open: 1 }, small, t0, t0)).toEqual(wait);
    expect(judgeWave({ succeeded: 3, failed: 0, unreachable: 0, open: 0 }, small, t0, t0)).toEqual(goOn);
  });

  it("watches a wave for settleMs though it has succeeded, but brakes at once", () => {
    const settling = { ...wave, settleMs: 60_000 };
    expect(judgeWave(counts({ succeeded: 100 }), settling, t0, later(59_999))).toEqual(wait);
    expect(judgeWave(counts({ succeeded: 100 }), settling, t0, later(60_000))).toEqual(goOn);
    expect(judgeWave(counts({ failed: 50 }), settling, t0, t0)).toEqual(brake("too-many-errors"));
  });

  it.each([
    ["no counts", undefined, "counts-missing"],
    ["counts of more than the wave", { ...counts({ succeeded: 90 }), open: 11 }, "counts-contradictory"],
    ["counts of less than the wave", { ...counts({ succeeded: 90 }), open: 9 }, "counts-contradictory"],
    ["a negative count", { succeeded: 101, failed: -1, unreachable: 0, open: 0 }, "counts-contradictory"],
    ["no number", { succeeded: Number.NaN, failed: 0, unreachable: 0, open: 100 }, "counts-contradictory"],
  ])("brakes on %s", (_name, given, reason) => {
    expect(judgeWave(given, wave, t0, t0)).toEqual(brake(reason));
  });

  it("never lets a wave through that has more errors than it may, or fewer successes than it must", () => {
    const some = fc.nat({ max: 40 });
    fc.assert(
      fc.property(
        some,
        some,
        some,
        some,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (succeeded, failed, away, open, share) => {
          const size = succeeded + failed + away + open;
          fc.pre(size > 0);
          const rules = { ...wave, size, successThreshold: share };
          const { verdict } = judgeWave(
            { succeeded, failed, unreachable: away, open },
            rules,
            t0,
            later(SHOW_RESULTS_MS),
          );
          if (verdict !== "go-on") return;
          expect(succeeded / (size - away)).toBeGreaterThanOrEqual(share);
          expect(failed / (succeeded + failed)).toBeLessThanOrEqual(wave.errorThreshold);
          expect(succeeded + failed).toBeGreaterThanOrEqual(Math.min(size, wave.minCount));
        },
      ),
    );
  });
});
