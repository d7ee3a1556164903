import fc from "fast-check";
import { addMs } from "../../../shared/domain/instant";
import {
  control,
  ControlVerb,
  isApproved,
  newControl,
  RollControl,
  type ApprovalSubject,
  type ControlCommand,
  type ControlledRoll,
} from "../../../shared/domain/roll/control";
import { rollId, t0 } from "../../support/builders";

const hash = "A".repeat(64);
const thePlan: ApprovalSubject = { kind: "plan", planHash: hash };
const planned: ControlledRoll = { phase: "awaiting", finished: false, plan: { hash, waves: 3 } };
const finished: ControlledRoll = { ...planned, phase: "finished", finished: true };

let sent = 0;
const command = (
  verb: ControlVerb,
  subject: ApprovalSubject = thePlan,
  commandId = `c${(sent += 1)}`,
): ControlCommand => {
  const order = { commandId, by: "ada", at: t0, note: "why" };
  return verb === "approve" ? { ...order, verb, subject } : { ...order, verb };
};
const fresh = newControl(rollId, { windows: [], freezes: [] });
const after = (...verbs: ControlVerb[]): RollControl =>
  verbs.reduce((current, verb) => {
    const decision = control(current, command(verb), planned);
    if (decision.outcome !== "changed") throw new Error(`${verb}: ${decision.outcome}`);
    return decision.control;
  }, fresh);

const standings: Readonly<Record<string, readonly [RollControl, ControlledRoll]>> = {
  running: [fresh, planned],
  paused: [after("pause"), planned],
  aborted: [after("abort"), planned],
  finished: [fresh, finished],
};

describe("control", () => {
  it.each<[ControlVerb, string, string]>([
    ["approve", "running", "running"],
    ["approve", "paused", "paused"],
    ["approve", "aborted", "roll-aborted"],
    ["approve", "finished", "roll-finished"],
    ["pause", "running", "paused"],
    ["pause", "paused", "unchanged"],
    ["pause", "aborted", "roll-aborted"],
    ["pause", "finished", "roll-finished"],
    ["brake", "running", "paused"],
    ["brake", "paused", "unchanged"],
    ["brake", "aborted", "roll-aborted"],
    ["brake", "finished", "roll-finished"],
    ["resume", "running", "unchanged"],
    ["resume", "paused", "running"],
    ["resume", "aborted", "roll-aborted"],
    ["resume", "finished", "roll-finished"],
    ["abort", "running", "aborted"],
    ["abort", "paused", "aborted"],
    ["abort", "aborted", "unchanged"],
    ["abort", "finished", "roll-finished"],
    ["retry", "running", "running"],
    ["retry", "paused", "paused"],
    ["retry", "aborted", "roll-aborted"],
    ["retry", "finished", "roll-finished"],
  ])("%s a roll that is %s: %s", (verb, standing, expected) => {
    const [current, roll] = standings[standing]!;
    const decision = control(current, command(verb), roll);
    switch (decision.outcome) {
      case "changed":
        expect(decision.control.desired).toBe(expected);
        expect(decision.control.revision).toBe(current.revision + 1);
        expect(decision.entry).toMatchObject({
          before: current.desired,
          after: expected,
          command: { verb, by: "ada" },
        });
        break;
      case "unchanged":
        expect(decision).toEqual({ outcome: expected, control: current });
        break;
      default:
        expect(decision.reason).toBe(expected);
        expect(decision.detail).toContain(`cannot ${verb} a roll that is "${roll.phase}"`);
    }
  });

  it("puts an approval on record, for exactly what was approved", () => {
    const decision = control(fresh, command("approve", { kind: "wave", wave: 1 }), planned);
    if (decision.outcome !== "changed") throw new Error(decision.outcome);
    expect(isApproved(decision.control, { kind: "wave", wave: 1 })).toBe(true);
    expect(isApproved(decision.control, { kind: "wave", wave: 2 })).toBe(false);
    expect(isApproved(decision.control, thePlan)).toBe(false);
    expect(isApproved(after("approve"), { kind: "plan", planHash: "B".repeat(64) })).toBe(false);
  });

  it("an approval of what is approved changes nothing", () => {
    expect(control(after("approve"), command("approve"), planned).outcome).toBe("unchanged");
  });

  it.each<[string, ApprovalSubject, ControlledRoll, string]>([
    ["before there is a plan", thePlan, { phase: "requested", finished: false }, "not-planned-yet"],
    ["of another plan", { kind: "plan", planHash: "B".repeat(64) }, planned, "other-plan"],
    ["of a wave that the plan does not have", { kind: "wave", wave: 3 }, planned, "unknown-wave"],
  ])("refuses an approval %s", (_name, subject, roll, reason) => {
    expect(control(fresh, command("approve", subject), roll)).toMatchObject({ outcome: "refused", reason });
  });

  it("counts every retry, but the same command only once", () => {
    const first = command("retry");
    const once = control(fresh, first, planned);
    if (once.outcome !== "changed") throw new Error(once.outcome);
    expect(once.control.retries).toBe(1);
    expect(control(once.control, { ...first, at: addMs(t0, 1) }, planned).outcome).toBe("unchanged");
    expect(control(once.control, command("retry"), planned)).toMatchObject({ control: { retries: 2 } });
  });

  it("remembers the last twenty commands, and fits its row after any number", () => {
    const all = Array.from({ length: 25 }, () => command("retry"));
    let current = fresh;
    for (const each of all) {
      const decision = control(current, each, planned);
      if (decision.outcome === "changed") current = decision.control;
    }
    expect(RollControl.parse(current)).toMatchObject({ retries: 25, revision: 25 });
    expect(control(current, all[5]!, planned).outcome).toBe("unchanged");
    expect(control(current, all[4]!, planned).outcome).toBe("changed");
  });

  it("is never anything but aborted again, and always fits its row, whatever is asked", () => {
    const verbs = fc.array(fc.constantFrom(...ControlVerb.options), { maxLength: 60 });
    fc.assert(
      fc.property(verbs, (asked) => {
        let current = fresh;
        for (const verb of asked) {
          const decision = control(current, command(verb), planned);
          if (current.desired === "aborted") expect(decision.outcome).not.toBe("changed");
          if (decision.outcome === "changed") current = decision.control;
          expect(RollControl.parse(current)).toEqual(current);
        }
      }),
    );
  });
});
