import { purgeRolls } from "../../shared/contract/purge";
import { rollId } from "../support/builders";
import { run, type Run } from "../support/replay";
import { expectGolden, orchestrators, START } from "./playbook";

type Piece = { readonly next?: { readonly after?: string }; readonly purged: number } | "unavailable";

/** Runs over scripted pieces; `asked` has where each began. */
async function purge(pieces: readonly Piece[]): Promise<Run & { readonly asked: readonly (string | undefined)[] }> {
  const asked: (string | undefined)[] = [];
  const activities = {
    purgeRolls: (given: unknown): unknown => {
      const piece = pieces[asked.length] ?? { purged: 0 };
      asked.push(purgeRolls.input.parse(given).after);
      return piece === "unavailable"
        ? { outcome: "unavailable", code: "service-unavailable", detail: "storage is away" }
        : { outcome: "done", value: piece };
    },
  };
  const input = { detailsBefore: START, purged: 0 };
  return { ...(await run({ orchestrators, activities }, "purgeFinished", input, START)), asked };
}

describe("purgeFinished", () => {
  it("goes on where each piece says, and waits out an outage", async () => {
    const ran = await purge([
      { next: {}, purged: 0 },
      "unavailable",
      { next: { after: rollId }, purged: 2 },
      { purged: 1 },
    ]);
    expect(ran.asked).toEqual([undefined, undefined, undefined, rollId]);
    expect(ran.output).toEqual({ purged: 3 });
    expectGolden("purgeFinished", "three-pieces", ran);
  });

  it("goes through years of rolls with short histories", async () => {
    const ran = await purge(Array.from({ length: 60 }, () => ({ next: { after: rollId }, purged: 1 })));
    expect(ran.asked).toHaveLength(61);
    expect(ran.output).toEqual({ purged: 60 });
    expect(ran.executions.length).toBe(3);
    for (const { actions } of ran.executions) expect(actions.length).toBeLessThanOrEqual(50);
    expectGolden("purgeFinished", "continue-as-new", ran);
  });
});
