import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AppHost, startApp } from "./app-host";

let folder: string;
let app: AppHost;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "app-process-"));
  // The probe runs orchestrators twice, and these count how often they run.
  app = await startApp("fragile", { settings: { MARKERS: join(folder, "marker") }, probe: false });
});
afterAll(async () => {
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("an activity whose process dies runs again and does not fail", async () => {
  const id = app.start("callsOneThatDies");
  expect(await app.ended(id)).toEqual({ status: "Completed", output: "survived" });
  expect(app.history(id)).toBe("0 4#0 5→0 1");
});

test("an orchestrator whose process dies takes its turn again", async () => {
  expect(await app.run("diesItself")).toEqual({ status: "Completed", output: 1 });
});

test("an activity over the function timeout fails with the timeout in its words", async () => {
  expect((await app.run("waitsTooLong")).output).toBe(
    "Activity function 'sleepsTooLong' failed: Timeout value of 00:00:01 was exceeded by function: sleepsTooLong",
  );
});

test("an endless loop in an orchestrator fails that instance, and work beside it goes on", async () => {
  const steady = app.start("sumsSteadily");
  const { status, output } = await app.run("loops");
  expect([status, output]).toEqual(["Failed", expect.stringContaining("Timeout value of 00:00:01 was exceeded")]);
  expect(await app.ended(steady)).toEqual({ status: "Completed", output: 66 });
});
