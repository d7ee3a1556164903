import { cronCalendar } from "../../../shared/adapters/calendar/cron-calendar";
import type { WaitConditions } from "../../../shared/contract/control";
import { addMs, type Instant } from "../../../shared/domain/instant";
import type { WorkTimes } from "../../../shared/domain/pacing/windows";
import { control, newControl, type ControlVerb } from "../../../shared/domain/roll/control";
import { createReadControl } from "../../../shared/steps/read-control";
import { rollId, t0 } from "../../support/builders";
import { MemoryControlStore } from "../../support/memory-control";

const hash = "A".repeat(64);
const roll = { phase: "awaiting", finished: false, plan: { hash, waves: 3 } };
/** From ten in the evening; `t0` is midnight. */
const evenings: WorkTimes = { windows: [{ cron: "0 22 * * *", timeZone: "UTC", durationMinutes: 60 }], freezes: [] };
const always: WorkTimes = { windows: [], freezes: [] };
const TEN_PM = addMs(t0, 22 * 3_600_000);

async function look(
  until: WaitConditions,
  given: { verbs?: readonly ControlVerb[]; times?: WorkTimes; now?: Instant; retriesSeen?: number } = {},
) {
  const { verbs = [], times = always, now = t0, retriesSeen } = given;
  const store = new MemoryControlStore();
  await store.create(newControl(rollId, times));
  for (const [nth, verb] of verbs.entries()) {
    const order = { commandId: String(nth), by: "ada", at: t0 };
    await store.change(rollId, (current) =>
      verb === "approve"
        ? control(current, { ...order, verb, subject: { kind: "wave", wave: 1 } }, roll)
        : control(current, { ...order, verb }, roll),
    );
  }
  const readControl = createReadControl({ clock: { now: () => now }, control: store, calendar: cronCalendar });
  return readControl({ rollId, until, ...(retriesSeen === undefined ? {} : { retriesSeen }) });
}

const wave = (number: number) => ({ kind: "wave" as const, wave: number });

describe("readControl", () => {
  it.each<[string, WaitConditions, Parameters<typeof look>[1], object]>([
    ["nothing is asked for", {}, {}, { state: "met", missing: [] }],
    ["the roll runs", { notPaused: true }, {}, { state: "met" }],
    ["the roll is paused", { notPaused: true }, { verbs: ["pause"] }, { state: "waiting", missing: ["notPaused"] }],
    ["the brake was pulled", { notPaused: true }, { verbs: ["brake"] }, { state: "waiting", missing: ["notPaused"] }],
    ["it was resumed", { notPaused: true }, { verbs: ["pause", "resume"] }, { state: "met" }],
    ["it is paused, and nobody minds", {}, { verbs: ["pause"] }, { state: "met" }],
    ["the wave is approved", { approved: [wave(1)] }, { verbs: ["approve"] }, { state: "met" }],
    [
      "one of two approvals is missing",
      { approved: [wave(1), wave(2)] },
      { verbs: ["approve"] },
      { state: "waiting", missing: ["approved"] },
    ],
    ["no window is open", { windowOpen: true }, { times: evenings }, { state: "waiting", missing: ["windowOpen"] }],
    ["a window is open", { windowOpen: true }, { times: evenings, now: TEN_PM }, { state: "met" }],
    [
      "several are missing",
      { notPaused: true, windowOpen: true, approved: [wave(2)] },
      { times: evenings, verbs: ["pause"] },
      { state: "waiting", missing: ["approved", "notPaused", "windowOpen"] },
    ],
    ["it was aborted, though all holds", { notPaused: true }, { verbs: ["abort"] }, { state: "aborted" }],
    ["a retry was asked for", { never: true }, { verbs: ["retry"], retriesSeen: 0 }, { state: "retry", retries: 1 }],
    ["the retry was seen before", { never: true }, { verbs: ["retry"], retriesSeen: 1 }, { state: "waiting" }],
    ["nobody listens for retries", { never: true }, { verbs: ["retry"] }, { state: "waiting", missing: ["never"] }],
    ["all holds, and a retry was asked for", {}, { verbs: ["retry"], retriesSeen: 0 }, { state: "met", retries: 1 }],
  ])("%s", async (_name, until, given, expected) => {
    expect(await look(until, given)).toMatchObject(expected);
  });

  it("waits if there is no control row: whoever cannot read the brake does not drive", async () => {
    const control = new MemoryControlStore();
    const readControl = createReadControl({ clock: { now: () => t0 }, control, calendar: cronCalendar });
    expect(await readControl({ rollId, until: {} })).toEqual({
      state: "waiting",
      retries: 0,
      missing: ["control-row"],
    });
  });
});
