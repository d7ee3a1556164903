import type { z } from "zod";
import type { readControl, WaitConditions } from "../contract/control";
import type { Instant } from "../domain/instant";
import { isOpen, type WindowStarts } from "../domain/pacing/windows";
import { isApproved, type RollControl } from "../domain/roll/control";
import type { Clock } from "../ports/clock";
import type { ControlStore } from "../ports/control";
import type { Step } from "./step";

export interface ReadControlDeps {
  readonly clock: Clock;
  readonly control: ControlStore;
  readonly calendar: WindowStarts;
}

/** See the contract. A roll without a control row waits: whoever cannot read the brake does not drive. */
export function createReadControl({ clock, control, calendar }: ReadControlDeps): Step<typeof readControl> {
  return async ({ rollId, until, retriesSeen }) => {
    const current = await control.get(rollId);
    if (current === undefined) return { state: "waiting", retries: 0, missing: ["control-row"] };
    const { retries } = current;
    const missing = lacking(until, current, clock.now(), calendar);
    if (current.desired === "aborted") return { state: "aborted", retries, missing };
    if (missing.length === 0) return { state: "met", retries, missing };
    const asked = retriesSeen !== undefined && retries > retriesSeen;
    return { state: asked ? "retry" : "waiting", retries, missing };
  };
}

function lacking(
  until: WaitConditions,
  current: RollControl,
  now: Instant,
  calendar: WindowStarts,
): z.output<typeof readControl.output>["missing"] {
  const holds = {
    approved: (until.approved ?? []).every((subject) => isApproved(current, subject)),
    notPaused: until.notPaused === undefined || current.desired !== "paused",
    windowOpen: until.windowOpen === undefined || isOpen(current.times, now, calendar),
    never: until.never === undefined,
  };
  return (["approved", "notPaused", "windowOpen", "never"] as const).filter((name) => !holds[name]);
}
