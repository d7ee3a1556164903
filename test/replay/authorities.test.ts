import { expectGolden, play, START, Unavailable } from "./playbook";

const pace = { pollMs: 10_000, recheckMs: 300_000, deadline: START + 3 * 3_600_000 };

describe("proveRootOwnership", () => {
  it("takes one look where the app has the key", async () => {
    const ran = await play("proveRootOwnership", { pace });
    expect(ran.calls).toEqual(["provePossession"]);
    expect(ran.output).toEqual({ outcome: "verified" });
    expectGolden("proveRootOwnership", "by-itself", ran);
  });

  it("waits for a person, looks less and less often, and keeps its history short", async () => {
    const ran = await play(
      "proveRootOwnership",
      { pace },
      {
        provePossession: (_input, nth) => ({ state: nth < 150 ? "awaiting" : "verified" }),
        readControl: { state: "met", retries: 0, missing: [] },
      },
    );
    expect(ran.output).toEqual({ outcome: "verified" });
    expect(ran.endedAt - START).toBeGreaterThan(2 * 3_600_000);
    for (const { actions } of ran.executions) expect(actions.length).toBeLessThanOrEqual(46);
  });

  it("hears of an abort while it waits, and of the deadline", async () => {
    const awaiting = { provePossession: { state: "awaiting" } };
    const aborted = await play(
      "proveRootOwnership",
      { pace },
      { ...awaiting, readControl: (_input, nth) => ({ state: nth < 3 ? "met" : "aborted", retries: 0, missing: [] }) },
    );
    expect(aborted.output).toEqual({ outcome: "aborted" });
    expectGolden("proveRootOwnership", "aborted", aborted);
    const late = await play("proveRootOwnership", { pace }, awaiting);
    expect(late.output).toEqual({ outcome: "deadline" });
    expect(late.endedAt).toBeGreaterThanOrEqual(pace.deadline);
    expect(late.endedAt).toBeLessThan(pace.deadline + 60_000);
  });

  it("ends with the code where the CA is refused", async () => {
    const ran = await play(
      "proveRootOwnership",
      { pace },
      { provePossession: { state: "refused", code: "name-taken" } },
    );
    expect(ran.output).toEqual({ outcome: "refused", code: "name-taken" });
  });
});

describe("rollAuthority", () => {
  it("proves before it points the group at the new CA, and deletes the old one last", async () => {
    const ran = await play("rollAuthority", {});
    expect(ran.calls).toEqual([
      ...["judgeSuccessor", "enterPhase", "provePossession"],
      ...["replaceAuthority", "countLeaning", "deleteAuthority"],
    ]);
    expect(ran.output).toEqual({ outcome: "replaced" });
    expectGolden("rollAuthority", "replaced", ran);
  });

  it.each<[string, Parameters<typeof play>[2], string, string]>([
    [
      "is refused",
      { judgeSuccessor: { outcome: "refused", code: "successor-missing" } },
      "successor-missing",
      "judgeSuccessor",
    ],
    ["is not proven", { provePossession: { state: "refused", code: "name-taken" } }, "name-taken", "provePossession"],
    [
      "is not taken",
      { replaceAuthority: { outcome: "refused", code: "group-write-refused" } },
      "group-write-refused",
      "replaceAuthority",
    ],
  ])("deletes nothing where the new CA %s", async (_what, scripts, code, last) => {
    const ran = await play("rollAuthority", {}, scripts);
    expect(ran.output).toEqual({ outcome: "pending", code });
    expect(ran.calls.at(-1)).toBe(last);
  });

  it("needs no proof for a CA that stands in the group's slot only, and does nothing for leaves", async () => {
    const unproven = await play("rollAuthority", {}, { judgeSuccessor: { outcome: "ready", mustProve: false } });
    expect(unproven.calls).not.toContain("provePossession");
    const leaves = await play("rollAuthority", {}, { judgeSuccessor: { outcome: "not-needed" } });
    expect(leaves.calls).toEqual(["judgeSuccessor"]);
    expect(leaves.output).toEqual({ outcome: "not-needed" });
  });

  it("tries again while DPS does not know the new CA yet, for some minutes", async () => {
    const soon = await play(
      "rollAuthority",
      {},
      { replaceAuthority: (_input, nth) => ({ outcome: nth < 3 ? "not-yet" : "done" }) },
    );
    expect(soon.output).toEqual({ outcome: "replaced" });
    expectGolden("rollAuthority", "taken-later", soon);
    const never = await play("rollAuthority", {}, { replaceAuthority: { outcome: "not-yet" } });
    expect(never.output).toEqual({ outcome: "pending", code: "authority-not-taken" });
    expect(never.endedAt - START).toBeLessThan(15 * 60_000);
  });

  it("says what kept the old CA in DPS", async () => {
    const ran = await play("rollAuthority", {}, { deleteAuthority: { outcome: "kept", code: "authority-referenced" } });
    expect(ran.output).toEqual({ outcome: "replaced", code: "authority-referenced" });
  });
});

describe("retireAuthority", () => {
  it("looks who came meanwhile, drops, counts who leans on the CA, deletes", async () => {
    const ran = await play("retireAuthority", {});
    expect(ran.calls).toEqual(["surveyRegistrations", "dropAuthority", "countLeaning", "deleteAuthority"]);
    expect(ran.output).toEqual({ outcome: "retired" });
    expectGolden("retireAuthority", "retired", ran);
  });

  it("changes nothing while devices are found that nobody rolled", async () => {
    const ran = await play(
      "retireAuthority",
      {},
      { surveyRegistrations: (_input, nth) => (nth === 0 ? { found: 2, next: "page-2" } : { found: 1 }) },
    );
    expect(ran.calls).toEqual(["surveyRegistrations", "surveyRegistrations"]);
    expect(ran.output).toEqual({ outcome: "in-group", code: "late-registrations", late: 3 });
  });

  it("deletes nothing where the CA may not leave the group", async () => {
    const ran = await play("retireAuthority", {}, { dropAuthority: { outcome: "refused", code: "not-all-proven" } });
    expect(ran.calls).toEqual(["surveyRegistrations", "dropAuthority"]);
    expect(ran.output).toEqual({ outcome: "in-group", code: "not-all-proven" });
  });

  it("reads long lists in executions of forty pages, and forgets no count on the way", async () => {
    const ran = await play(
      "retireAuthority",
      {},
      {
        surveyRegistrations: (_input, nth) => (nth < 100 ? { found: 0, next: `page-${nth}` } : { found: 0 }),
        countLeaning: (_input, nth) => (nth < 90 ? { found: 1, next: `page-${nth}` } : { found: 1 }),
        deleteAuthority: { outcome: "kept", code: "authority-leaned-on" },
      },
    );
    expect(ran.output).toEqual({ outcome: "out-of-group", code: "authority-leaned-on" });
    expect(ran.calls.filter((call) => call === "dropAuthority")).toHaveLength(1);
    for (const { actions } of ran.executions) expect(actions.length).toBeLessThanOrEqual(83);
    const last = ran.executions.at(-1)?.actions.at(-1);
    expect(last).toMatchObject({ functionName: "deleteAuthority", input: { leaning: 91 } });
  });

  it("waits out an outage between the drop and the deletion", async () => {
    const ran = await play(
      "retireAuthority",
      {},
      { deleteAuthority: (_input, nth) => (nth < 2 ? new Unavailable() : { outcome: "retired" }) },
    );
    expect(ran.output).toEqual({ outcome: "retired" });
  });
});
