import { catchUpPartition } from "../../shared/contract/catch-up";
import { run, type Run } from "../support/replay";
import { expectGolden, orchestrators, START } from "./playbook";

const span = { since: START - 3_600_000, until: START };

interface Asked {
  readonly partition: string;
  readonly after?: number | undefined;
}

/** Runs over partitions that hold so many pages of ten events each. */
async function catchUp(
  pages: Readonly<Record<string, number>>,
  outages = 0,
): Promise<Run & { readonly asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const activities = {
    listStreamPartitions: () => ({ outcome: "done", value: { partitions: Object.keys(pages) } }),
    catchUpPartition: (given: unknown): unknown => {
      const { partition, after = 0 } = catchUpPartition.input.parse(given);
      asked.push({ partition, after });
      if (asked.length <= outages)
        return { outcome: "unavailable", code: "service-unavailable", detail: "the event stream did not answer" };
      const last = after + 10;
      const end = last >= (pages[partition] ?? 0) * 10;
      return { outcome: "done", value: { received: 10, ...(end ? {} : { after: last }) } };
    },
  };
  return { ...(await run({ orchestrators, activities }, "catchUp", span, START)), asked };
}

describe("catchUp", () => {
  it("reads each partition to its end, every page once", async () => {
    const ran = await catchUp({ 0: 2, 1: 1, 2: 3, 3: 1, 4: 2 });
    expect(ran.output).toEqual({ received: 90 });
    expect(ran.asked).toHaveLength(9);
    expect(ran.asked.filter(({ partition }) => partition === "2").map(({ after }) => after)).toEqual([0, 10, 20]);
    expectGolden("catchUp", "five-partitions", ran);
  });

  it("asks again for the page at which the stream was away", async () => {
    const ran = await catchUp({ 0: 1 }, 2);
    expect(ran.asked).toEqual(Array.from({ length: 3 }, () => ({ partition: "0", after: 0 })));
    expect(ran.output).toEqual({ received: 10 });
    expectGolden("catchUp", "outage", ran);
  });

  it("goes through a long stream with short histories", async () => {
    const ran = await catchUp({ 0: 50, 1: 20 });
    expect(ran.output).toEqual({ received: 700 });
    expect(ran.executions.length).toBe(5);
    for (const { history } of ran.executions) expect(history.length).toBeLessThan(120);
    expectGolden("catchUp", "continue-as-new", ran);
  });
});
