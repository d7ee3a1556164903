import { VirtualClock } from "../../../lab/functions-host/virtual-clock";
import { type AppHost, startApp } from "./app-host";

const begin = Date.parse("2026-01-01T00:00:00Z");

describe("with guards", () => {
  let app: AppHost;
  const clock = new VirtualClock(begin);
  beforeAll(async () => {
    app = await startApp("golden", { clock });
  });
  afterAll(() => app.stop());

  test.each([
    ["a task awaited in two compounds", "reusesTask", undefined, /awaited in two compounds/],
    ["a retry inside a compound", "retriesInCompound", undefined, /with retries inside Task\.all/],
    ["a misspelt activity", "misspelt", undefined, /'ecko' doesn't exist, is disabled, or is not an activity function/],
    ["randomness", "rollsDice", undefined, /not deterministic: two runs/],
    ["the machine's clock", "asksTheClock", undefined, /not deterministic: two runs/],
    ["a boolean activity input", "passesBoolean", undefined, /arrives as the text "True"/],
    ["a text given to continueAsNew", "continuesWithText", "a", /arrives quoted once more/],
    ["a retry timeout", "limitsRetryTime", undefined, /retryTimeoutInMilliseconds/],
    ["a long custom status", "longStatus", undefined, /longer than 16 KB/],
    ["credential-like text in a failing orchestrator", "leaksCredential", undefined, /looks like a credential/],
    [
      "a Timestamp property in the input",
      "countdown",
      { left: 0, Timestamp: "2026-01-01" },
      /"Timestamp".*becomes a Date/,
    ],
    ["an empty compound", "singleTaskAll", undefined, /Orchestrator function 'singleTaskAll' failed/],
  ])("%s fails the instance and says so", async (_what, name, input, expected) => {
    const { status, output } = await app.run(name, input);
    expect(status).toBe("Failed");
    expect(output).toMatch(expected);
  });

  test("an event whose name differs in case only fails the instance that waits for it", async () => {
    const id = app.start("waitsForGo");
    app.raise(id, "Go", 1);
    const { status, output } = await app.ended(id);
    expect(status).toBe("Failed");
    expect(output).toMatch(/waits for something that can never come.*Go.*match in case/);
  });

  test("an event named by a number fails the instance", async () => {
    const id = app.start("waitsForGo");
    app.raise(id, "0", 1);
    expect((await app.ended(id)).output).toMatch(/taken for the result of task number 0/);
  });

  test("events that nobody awaited fail an instance that continues as new", async () => {
    const id = app.start("leavesEvents", { round: 0 });
    app.raise(id, "unheard", 1);
    expect((await app.ended(id)).output).toMatch(/continueAsNew while the events unheard were not awaited/);
  });

  test("cancelling a timer of more than six days fails the instance", async () => {
    clock.pause();
    const id = app.start("cancelsLongTimer");
    app.raise(id, "go", 1);
    const { output } = await app.ended(id);
    clock.resume();
    expect(output).toMatch(/timer of more than six days is cancelled/);
  });

  test("an entity that throws an Error tells its caller what Azure makes of it", async () => {
    expect((await app.run("failsEntity", { operation: "break" })).output).toMatch(/throw a string/);
  });

  test("the id of a running orchestration is refused to a child instead of hanging its parent", async () => {
    app.start("waitsForGo", undefined, "taken");
    expect((await app.run("startsChild", { childId: "taken" })).output).toMatch(/"taken" is running already/);
  });
});

describe("faithful to production, without guards", () => {
  let app: AppHost;
  const clock = new VirtualClock(begin);
  beforeAll(async () => {
    app = await startApp("golden", { clock, guards: "off" });
  });
  afterAll(() => app.stop());

  test("a task awaited in two compounds runs twice and later results go astray", async () => {
    const id = app.start("reusesTask");
    const { output } = await app.ended(id);
    const scheduled = app.history(id).match(/4#/g)?.length;
    expect(scheduled).toBeGreaterThan(3);
    expect(output).not.toBe("x2");
  });

  test("a misspelt activity leaves the instance running", async () => {
    const id = app.start("misspelt");
    await app.until(() => app.history(id) === "0" && app.host.engine.isIdle, "The first turn");
    expect(app.host.store.instance(id)?.status).toBe(0);
  });

  test("a wrong-case event satisfies the host and not the SDK, so the instance keeps running", async () => {
    const id = app.start("waitsForGo");
    app.raise(id, "Go", 1);
    await app.until(() => app.history(id) === "0 15" && app.host.engine.isIdle, "The event");
    expect(app.host.store.instance(id)?.status).toBe(0);
  });

  test("a boolean arrives as the word .NET writes", async () => {
    expect((await app.run("passesBoolean")).output).toBe('string:"True"');
  });

  test("a text given to continueAsNew arrives quoted", async () => {
    expect((await app.run("continuesWithText", "a")).output).toBe('"b"');
  });

  test("code that changed under a running instance is found by its first other action", async () => {
    const { status, output } = await app.run("changed", { path: "other" });
    expect(status).toBe("Failed");
    expect(output).toMatch(/Non-Deterministic workflow detected.*"echo" as number 0.*"slowEcho"/);
  });

  test("credential-like text in a failing orchestrator destroys its state", async () => {
    expect((await app.run("leaksCredential")).output).toMatch(/Non-Deterministic workflow detected/);
  });

  test("a long timer that is cancelled after its first three days fails the instance", async () => {
    clock.pause();
    const id = app.start("cancelsLongTimer");
    await app.until(() => app.history(id) === "0 10#0", "The first piece");
    clock.step();
    await app.until(() => app.history(id).includes("10#1"), "The second piece");
    app.raise(id, "go", 1);
    const { output } = await app.ended(id);
    clock.resume();
    expect(output).toMatch(/Non-Deterministic workflow detected.*number 1/);
  });
});
