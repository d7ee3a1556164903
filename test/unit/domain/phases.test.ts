import { nextPhase, nextPhaseOf, phaseTables } from "../../../shared/domain/roll/phases";
import { instant } from "../../../shared/domain/instant";
import { Playbook } from "../../../shared/domain/roll/playbook";

/** The phase, or the code of the problem. */
function codeOf(next: ReturnType<typeof nextPhase>): string {
  return typeof next === "string" ? next : next.code;
}

describe.each(Playbook.options)("the phases of %s", (playbook) => {
  const table = phaseTables[playbook];
  const phases = table.map(({ phase }) => phase);

  it("are gone through in order, without the optional ones or with them", () => {
    for (const wanted of [table, table.filter(({ optional }) => optional !== true)]) {
      let at = phases[0];
      for (const { phase } of wanted) {
        if (at === undefined) break;
        const next = nextPhase(playbook, at, phase);
        expect(next).toBe(phase);
        at = phase;
      }
      expect(at).toBe("finished");
    }
  });

  it("are not gone back: asking again for one that is over changes nothing", () => {
    for (const [at, from] of phases.entries())
      for (const to of phases.slice(0, at + 1)) expect(nextPhase(playbook, from, to)).toBe(from);
  });

  it("transition-refused: none is left out that must be, and none is made up", () => {
    const musts = table.filter(({ optional }) => optional !== true).map(({ phase }) => phase);
    for (const [at, must] of musts.entries()) {
      const [from, beyond] = [musts[at - 1], musts[at + 1]];
      if (from === undefined || beyond === undefined || beyond === "finished") continue;
      expect([must, codeOf(nextPhase(playbook, from, beyond))]).toEqual([must, "transition-refused"]);
    }
    const foreign = Playbook.options
      .flatMap((other) => phaseTables[other].map(({ phase }) => phase))
      .filter((phase) => !phases.includes(phase));
    for (const phase of foreign)
      expect([phase, codeOf(nextPhase(playbook, "requested", phase))]).toEqual([phase, "transition-refused"]);
  });

  it("end from anywhere: at the deadline, aborted, refused, or as a dry run", () => {
    for (const from of phases) expect(codeOf(nextPhase(playbook, from, "finished"))).toBe("finished");
  });
});

describe("a breach whose plan needs an approval after it has contained", () => {
  const playbook = "group-breach";
  const containedAt = instant(1);

  it("says so in its phase, and goes on from there as from the containment", () => {
    const contained = { playbook, phase: "containing", containedAt } as const;
    expect(nextPhaseOf(contained, "awaiting-approval")).toBe("awaiting-approval");
    const waiting = { ...contained, phase: "awaiting-approval" } as const;
    expect(nextPhaseOf(waiting, "staging")).toBe("staging");
    expect(nextPhaseOf(waiting, "awaiting")).toBe("awaiting");
    expect(nextPhaseOf(waiting, "finished")).toBe("finished");
    expect(nextPhaseOf({ ...contained, phase: "staging" }, "awaiting-approval")).toBe("staging");
  });

  it("does not pass over a containment that has not been", () => {
    const held = { playbook, phase: "awaiting-approval" } as const;
    expect(nextPhaseOf(held, "staging")).toMatchObject({ code: "transition-refused" });
    expect(nextPhaseOf({ playbook, phase: "containing" }, "awaiting-approval")).toBe("containing");
  });
});
