import { takeInventory, type InventoryCursor } from "../../shared/contract/inventory";
import { run, type Run } from "../support/replay";
import { expectGolden, orchestrators, START } from "./playbook";

const inventoryId = "20260101T000000000Z-00000001";
const progress = { lines: 0, queried: [], unreadable: 0 };
type Piece = { readonly next?: InventoryCursor; readonly waitMs?: number } | "unavailable";

/** Runs over scripted pieces, in the order in which they are asked for; `asked` has their cursors. */
async function take(pieces: readonly Piece[]): Promise<Run & { readonly asked: readonly InventoryCursor[] }> {
  const asked: InventoryCursor[] = [];
  const activities = {
    takeInventory: (given: unknown): unknown => {
      const piece = pieces[asked.length] ?? {};
      asked.push(takeInventory.input.parse(given).cursor);
      return piece === "unavailable"
        ? { outcome: "unavailable", code: "service-throttled", detail: "429", retryAfterMs: 7_000 }
        : { outcome: "done", value: piece };
    },
  };
  const input = { inventoryId, startedAt: START, cursor: { at: "trust" } };
  return { ...(await run({ orchestrators, activities }, "refreshInventory", input, START)), asked };
}

const page = (at: number): InventoryCursor => ({ at: "enrollments", page: at, progress });

describe("refreshInventory", () => {
  it("goes where each piece says, and waits where it is told to", async () => {
    const exporting: InventoryCursor = { at: "export", hub: 0, looks: 1, progress };
    const ran = await take([
      { next: page(0) },
      { next: exporting, waitMs: 500 },
      { next: { at: "finish", shards: 1, progress } },
    ]);
    expect(ran.asked).toEqual([{ at: "trust" }, page(0), exporting, { at: "finish", shards: 1, progress }]);
    expect(ran.output).toEqual({});
    // Four activities of 50 ms and the wait.
    expect(ran.endedAt - START).toBe(4 * 50 + 500);
    expectGolden("refreshInventory", "four-pieces", ran);
  });

  it("asks for the same piece again when a service throttles it", async () => {
    const ran = await take([{ next: page(3) }, "unavailable", {}]);
    expect(ran.asked).toEqual([{ at: "trust" }, page(3), page(3)]);
    expect(ran.endedAt - START).toBeGreaterThanOrEqual(7_000);
    expectGolden("refreshInventory", "throttled", ran);
  });

  it("goes through a large fleet with short histories", async () => {
    const ran = await take(Array.from({ length: 60 }, (_, at) => ({ next: page(at) })));
    expect(ran.asked).toHaveLength(61);
    expect(ran.asked.at(-1)).toEqual(page(59));
    expect(ran.executions.length).toBe(3);
    for (const { actions } of ran.executions) expect(actions.length).toBeLessThanOrEqual(50);
    expectGolden("refreshInventory", "continue-as-new", ran);
  });
});
