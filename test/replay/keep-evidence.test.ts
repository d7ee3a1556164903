import { expectGolden, play } from "./playbook";

describe("keepEvidence", () => {
  it("writes every page, then seals", async () => {
    const ran = await play("keepEvidence", {}, { writeEvidence: pages(3) });
    expect(ran.calls).toEqual(["writeEvidence", "writeEvidence", "writeEvidence", "sealEvidence"]);
    expect(ran.executions[0]?.actions.at(-1)).toMatchObject({ input: { pages: 3 } });
    expect(ran.output).toEqual({ outcome: "signed" });
    expectGolden("keepEvidence", "three-pages", ran);
  });

  it("continues as new in the middle of a large fleet", async () => {
    const ran = await play("keepEvidence", {}, { writeEvidence: pages(90) });
    expect(ran.executions).toHaveLength(3);
    expect(ran.executions[1]?.input).toMatchObject({ page: 40 });
    expect(ran.output).toEqual({ outcome: "signed" });
  });

  it("asks a key that is away five times, then lets the roll go", async () => {
    const ran = await play("keepEvidence", {}, { sealEvidence: { signed: false } });
    expect(ran.calls.filter((call) => call === "sealEvidence")).toHaveLength(5);
    expect(ran.output).toEqual({ outcome: "unsigned" });
    expectGolden("keepEvidence", "key-away", ran);
  });

  it("lets the roll go where something cannot be read", async () => {
    const ran = await play("keepEvidence", {}, { writeEvidence: { outcome: "unreadable", code: "store-corrupt" } });
    expect(ran.calls).toEqual(["writeEvidence"]);
    expect(ran.output).toEqual({ outcome: "unreadable" });
  });
});

/** Answers for a report of so many pages. */
function pages(count: number) {
  return (_input: object, nth: number) => ({ outcome: "written", ...(nth + 1 < count ? { next: nth + 1 } : {}) });
}
