import { expectGolden, play } from "./playbook";

describe("openFleet", () => {
  it("asks for page after page, each from where the last one ended, then opens the batches", async () => {
    const asked: unknown[] = [];
    const ran = await play(
      "openFleet",
      {},
      {
        gatherTargets: (_input, nth) => {
          asked.push(nth);
          return nth < 2 ? { devices: 90, next: `page-${nth + 1}` } : { devices: 20 };
        },
        cutTargets: { devices: 200, batches: 3, waves: 2 },
        openBatches: (_input, nth) => (nth === 0 ? { next: 2 } : {}),
      },
    );
    expect(ran.output).toEqual({ devices: 200, batches: 3, waves: 2 });
    expect(ran.calls).toEqual([
      ...["gatherTargets", "gatherTargets", "gatherTargets"],
      "cutTargets",
      ...["openBatches", "openBatches"],
    ]);
    expectGolden("openFleet", "three-pages", ran);
  });

  it("keeps its history short, whatever the fleet's size", async () => {
    const ran = await play(
      "openFleet",
      {},
      {
        gatherTargets: (_input, nth) => (nth < 200 ? { devices: 5_000, next: `page-${nth + 1}` } : { devices: 1 }),
        cutTargets: { devices: 1_000_001, batches: 11_112, waves: 1 },
        openBatches: (_input, nth) => ((nth + 1) * 16 < 11_112 ? { next: (nth + 1) * 16 } : {}),
      },
    );
    expect(ran.output).toEqual({ devices: 1_000_001, batches: 11_112, waves: 1 });
    expect(ran.calls.filter((call) => call === "openBatches")).toHaveLength(695);
    for (const { actions } of ran.executions) expect(actions.length).toBeLessThanOrEqual(82);
    expect(ran.executions.length).toBeGreaterThan(20);
  });
});
