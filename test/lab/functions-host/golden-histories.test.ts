import { VirtualClock } from "../../../lab/functions-host/virtual-clock";
import { type AppHost, startApp } from "./app-host";

/*
 * Expected histories come from the Durable extension's own replay code (derived, not recorded): event numbers of
 * DurableTask.Core, `#id` for what an action scheduled, `→id` for its completion.
 */
let app: AppHost;
let clock: VirtualClock;

beforeAll(async () => {
  clock = new VirtualClock(Date.parse("2026-01-01T00:00:00Z"));
  app = await startApp("golden", { clock });
});
afterAll(() => app.stop());
afterEach(() => clock.resume());

test("fan-out, a timer against an event, and a sub-orchestration take ids in the order of the action list", async () => {
  clock.pause();
  const id = app.start("thenTimerThenChild");
  await app.until(() => app.history(id).includes("10#3"), "The timer");
  app.raise(id, "go", { by: "hand" });
  expect(await app.ended(id)).toEqual({
    status: "Completed",
    output: { numbers: [1, 2, 3], go: { by: "hand" }, child: 6 },
  });
  expect(app.history(id)).toBe("0 4#0 4#1 4#2 5→0 5→1 5→2 10#3 15 7#4 8→4 1");
});

test("a timer that wins against an event fires and is not cancelled", async () => {
  const id = app.start("thenTimerThenChild");
  expect(await app.ended(id)).toMatchObject({ output: { go: null } });
  expect(app.history(id)).toBe("0 4#0 4#1 4#2 5→0 5→1 5→2 10#3 11→3 7#4 8→4 1");
});

test("a retry waits on a timer and schedules the activity again", async () => {
  const id = app.start("retried", { key: "ok", succeedOn: 2, attempts: 3 });
  expect(await app.ended(id)).toEqual({ status: "Completed", output: 2 });
  expect(app.history(id)).toBe("0 4#0 6→0 10#1 11→1 4#2 5→2 1");
});

test("the last failed attempt has a timer of its own before the orchestration fails", async () => {
  const id = app.start("retried", { key: "exhausted", succeedOn: 9, attempts: 2 });
  const { status, output } = await app.ended(id);
  expect(status).toBe("Failed");
  expect(output).toContain("Activity function 'failUntil' failed: attempt 2");
  expect(app.history(id)).toBe("0 4#0 6→0 10#1 11→1 4#2 6→2 10#3 11→3 1");
});

test("a failed child reaches its parent as an error with the child's words", async () => {
  const id = app.start("parentOfFailing");
  const { output } = await app.ended(id);
  expect(output).toContain("Orchestrator function 'failing' failed: Activity function 'fail' failed: no luck");
  expect(app.history(id)).toBe("0 7#0 9→0 1");
});

test("Task.all that fails goes on only when its last task is done", async () => {
  const id = app.start("allFailing");
  expect(await app.ended(id)).toEqual({
    status: "Completed",
    output: ["Activity function 'fail' failed: no all", "after"],
  });
  expect(app.history(id)).toBe("0 4#0 4#1 6→0 5→1 4#2 5→2 1");
});

test("the loser of Task.any can be awaited alone and takes no second id", async () => {
  const id = app.start("anyThenYield");
  expect(await app.ended(id)).toEqual({ status: "Completed", output: ["quick", "slow"] });
  expect(app.history(id)).toBe("0 4#0 4#1 5→0 5→1 1");
});

test("a timer of eight days is three timers of at most three days", async () => {
  const id = app.start("longTimer");
  expect(await app.ended(id)).toEqual({ status: "Completed", output: 8 });
  expect(app.history(id)).toBe("0 10#0 11→0 10#1 11→1 10#2 11→2 1");
});

test("continue-as-new begins with an empty history and keeps the custom status", async () => {
  const id = app.start("countdown", { left: 2 });
  expect(await app.ended(id)).toEqual({ status: "Completed", output: [2, 1, 0] });
  expect(app.history(id)).toBe("0 4#0 5→0 1");
  expect(app.host.store.instance(id)?.customStatus).toBe('{"left":0}');
});

test("events that arrive in the turn that continues as new are carried over in their order", async () => {
  const id = app.start("collector", { wanted: 3 });
  for (const item of ["x", "y", "z"]) app.raise(id, "item", item);
  expect(await app.ended(id)).toEqual({ status: "Completed", output: ["x", "y", "z"] });
  expect(app.history(id)).toBe("0 15 1");
});

test("terminate ends an instance at once with the reason as its output", async () => {
  clock.pause();
  const id = app.start("sleeper");
  await app.until(() => app.history(id).includes("10#0"), "The timer");
  app.host.engine.client.terminate(id, "enough");
  expect(await app.ended(id)).toEqual({ status: "Terminated", output: "enough" });
  expect(app.history(id)).toBe("0 10#0 3 1");
});

test("a suspended instance takes events into its history and acts on them when it is resumed", async () => {
  clock.pause();
  const id = app.start("twoEvents");
  app.raise(id, "a", 1);
  await app.until(() => app.history(id) === "0 15", "The first event");
  app.host.engine.client.suspend(id, "wait");
  await app.until(() => app.host.store.instance(id)?.status === 7, "Suspended");
  app.raise(id, "a", 2);
  await app.until(() => app.history(id).endsWith("19 15"), "The second event");
  expect(app.host.store.instance(id)?.status).toBe(7);
  app.host.engine.client.resume(id, "go on");
  expect(await app.ended(id)).toEqual({ status: "Completed", output: [1, 2] });
  expect(app.history(id)).toBe("0 15 19 15 20 1");
});

test("two waiters of one name are served newest first, one after the other in order of arrival", async () => {
  const both = app.start("twoWaiters");
  const one = app.start("twoEvents");
  for (const id of [both, one]) for (const value of ["first", "second"]) app.raise(id, "a", value);
  expect((await app.ended(both)).output).toEqual(["second", "first"]);
  expect((await app.ended(one)).output).toEqual(["first", "second"]);
});

test("an orchestrator that returned stays running until its forgotten timer has fired", async () => {
  clock.pause();
  const id = app.start("forgetsTimer");
  app.raise(id, "go", null);
  await app.until(() => app.history(id).includes("10#0") && app.host.engine.isIdle, "The turn");
  expect(app.host.store.instance(id)?.status).toBe(0);
  clock.resume();
  expect(await app.ended(id)).toEqual({ status: "Completed", output: "returned" });
});

test("entity calls are messages whose answers come back as events", async () => {
  const id = app.start("callsEntity");
  expect(await app.ended(id)).toEqual({ status: "Completed", output: 5 });
  expect(app.history(id)).toBe("0 14#0 15 14#1 15 1");
});

test("a signal takes an id and is not waited for", async () => {
  const id = app.start("signalsEntity");
  expect(await app.ended(id)).toEqual({ status: "Completed", output: "sent" });
  expect(app.history(id)).toBe("0 14#0 4#1 5→1 1");
});

test("lock, calls and release take the ids the SDK counts: one each, and one release per entity", async () => {
  const id = app.start("locks");
  expect(await app.ended(id)).toEqual({ status: "Completed", output: 2 });
  expect(app.history(id)).toBe("0 14#0 15 14#1 15 14#2 15 14#3 14#4 4#5 5→5 1");
});

test("text thrown by an entity reaches the caller", async () => {
  expect((await app.run("failsEntity", { operation: "fail" })).output).toBe("caught out of order");
});

test("activity inputs keep their type, except that nothing becomes undefined", async () => {
  expect((await app.run("types")).output).toEqual([
    'string:"123"',
    "number:5",
    'object:{"a":[1]}',
    "undefined:undefined",
    'string:""',
  ]);
});
