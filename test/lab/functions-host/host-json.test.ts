import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readHostJson } from "../../../lab/functions-host/host-json";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "host-json-"));
  const extensions = { http: { routePrefix: "api" }, eventHubs: { minEventBatchSize: 50, maxWaitTime: "00:00:05" } };
  writeFileSync(join(folder, "host.json"), JSON.stringify({ version: "2.0", extensions }));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("settings go over what host.json says, whatever the case of their names", () => {
  const settings = {
    AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize: "1",
    azurefunctionsjobhost__EXTENSIONS__http__routeprefix: "v1",
    AzureFunctionsJobHost__extensions__durableTask__hubName: "another",
    Unrelated__extensions__http__routePrefix: "no",
  };
  const read = readHostJson(folder, settings);
  expect(read.eventHubs).toMatchObject({ minEventBatchSize: 1, maxWaitTimeMs: 5_000 });
  expect(read.routePrefix).toBe("v1");
  expect(read.durable.hubName).toBe("another");
  expect(readHostJson(folder, {}).eventHubs.minEventBatchSize).toBe(50);
});

test("a setting that cannot be is refused like the file's own", () => {
  const settings = { AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize: "many" };
  expect(() => readHostJson(folder, settings)).toThrow('"extensions.eventHubs.minEventBatchSize" is "many"');
});
