import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { startHost } from "../../../lab/functions-host/host";
import type { RunningHost } from "../../../lab/functions-host/running-host";

let folder: string;
const hosts: RunningHost[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "functions-host-bad-"));
  symlinkSync(join(__dirname, "../../../node_modules"), join(folder, "node_modules"));
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
  rmSync(folder, { recursive: true, force: true });
});

const files = (contents: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
};
const open = async (storeFile = "host.db"): Promise<RunningHost> => {
  const host = await startHost({ appDir: folder, storeFile: join(folder, storeFile) });
  hosts.push(host);
  return host;
};

const good = {
  "host.json": '{"version":"2.0"}',
  "package.json": '{"main":"index.js"}',
  "index.js": 'const { app } = require("@azure/functions"); app.http("ok", { handler: () => ({ body: "ok" }) });',
};

test("an app of CommonJS files is loaded and served", async () => {
  files(good);
  const host = await open();
  expect(await (await fetch(`${host.url}/api/OK`)).text()).toBe("ok");
});

/** Each row: what is wrong, the files that make it so, and the words that must be in the refusal. */
const refusals: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
  ["no host.json", { "package.json": good["package.json"] }, /host\.json does not exist.*Point --app/],
  ["a broken host.json", { ...good, "host.json": "{" }, /host\.json is not a JSON object.*Correct its syntax/],
  ["an old host.json", { ...good, "host.json": '{"version":"1.0"}' }, /host\.json: "version" must be "2\.0"/],
  [
    "a host.json value of the wrong kind",
    {
      ...good,
      "host.json": '{"version":"2.0","extensions":{"durableTask":{"maxConcurrentActivityFunctions":"many"}}}',
    },
    /"extensions\.durableTask\.maxConcurrentActivityFunctions" is "many"; it must be a whole number from 1/,
  ],
  [
    "a host.json setting that is not set",
    { ...good, "host.json": '{"version":"2.0","extensions":{"durableTask":{"hubName":"%NO_SUCH_SETTING%"}}}' },
    /"%NO_SUCH_SETTING%" names a setting that is not set/,
  ],
  ["no package.json", { "host.json": good["host.json"] }, /package\.json cannot be read/],
  ["a broken package.json", { ...good, "package.json": "[]" }, /package\.json is not a JSON object/],
  [
    "a main that matches nothing",
    { ...good, "package.json": '{"main":"dist/*.js"}' },
    /"main" is "dist\/\*\.js", and no file/,
  ],
  ["an app that registers nothing", { ...good, "index.js": "" }, /registered no function/],
  [
    "an app that throws while it is loaded",
    { ...good, "index.js": 'throw new Error("no luck");' },
    /index\.js threw while it was loaded: no luck/,
  ],
  [
    "two functions of one name",
    { ...good, "index.js": `${good["index.js"]} app.http("ok", { handler: () => ({}) });` },
    /"ok" has already been registered/,
  ],
  [
    "two functions of one route",
    { ...good, "index.js": `${good["index.js"]} app.http("too", { route: "ok", handler: () => ({}) });` },
    /The functions "ok" and "too" both claim GET \/api\/ok/,
  ],
  [
    "an unknown route constraint",
    { ...good, "index.js": `${good["index.js"]} app.http("odd", { route: "x/{id:colour}", handler: () => ({}) });` },
    /Function "odd": the route constraint "colour" is not supported/,
  ],
  [
    "a trigger this host does not feed",
    {
      ...good,
      "index.js": `${good["index.js"]} app.storageQueue("q", { queueName: "q", connection: "S", handler: () => {} });`,
    },
    /Function "q": this host does not feed a queueTrigger/,
  ],
  [
    "an output this host does not write to",
    {
      ...good,
      "index.js": `${good["index.js"]} const { output } = require("@azure/functions"); app.http("o", { return: output.storageQueue({ queueName: "q", connection: "S" }), handler: () => ({}) });`,
    },
    /Function "o": this host does not write to a queue output/,
  ],
  [
    "a schedule that cannot be read",
    { ...good, "index.js": `${good["index.js"]} app.timer("t", { schedule: "soon", handler: () => {} });` },
    /Function "t": the schedule "soon" cannot be read/,
  ],
  [
    "an event hub without connection",
    {
      ...good,
      "index.js": `${good["index.js"]} app.eventHub("e", { connection: "MISSING", eventHubName: "h", handler: () => {} });`,
    },
    /Function "e": the setting "MISSING" with the Event Hubs connection string is not set/,
  ],
  [
    "a local.settings.json with a number",
    { ...good, "local.settings.json": '{"Values":{"A":1}}' },
    /Values\.A must be text/,
  ],
];

test.each(refusals)("%s is refused by name", async (_what, contents, expected) => {
  files(contents);
  await expect(open()).rejects.toThrow(expected);
});

test("a store that is no SQLite file is refused and stays as it is", async () => {
  files({ ...good, "host.db": "x".repeat(5000) });
  await expect(open()).rejects.toThrow(/host\.db is damaged or no SQLite file.*not changed/s);
  expect(readFileSync(join(folder, "host.db"), "utf8")).toBe("x".repeat(5000));
});

test("a store of a newer host is refused and stays as it is", async () => {
  files(good);
  const host = await open();
  host.store.file.exec("PRAGMA user_version = 99");
  await hosts.pop()?.stop();
  await expect(open()).rejects.toThrow(/newer host \(store version 99/);
});

test("a store in a folder that does not exist is refused", async () => {
  files(good);
  await expect(open("nowhere/host.db")).rejects.toThrow(/nowhere\/host\.db cannot be opened/);
});
