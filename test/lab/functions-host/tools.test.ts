import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordHistories } from "../../../lab/functions-host/record";
import type { RecordedHistory } from "../../../lab/functions-host/recorded-history";
import { VirtualClock } from "../../../lab/functions-host/virtual-clock";
import { watchApp } from "../../../lab/functions-host/watch";
import { type AppHost, appsDir, startApp } from "./app-host";

const histories = join(__dirname, "histories");
let app: AppHost;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "functions-host-tools-"));
  app = await startApp("newcomer", { clock: new VirtualClock(Date.parse("2026-01-01T00:00:00Z")) });
});
afterAll(async () => {
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
});

const scenarios: readonly [string, unknown][] = [
  ["chaining", null],
  ["fanOutFanIn", null],
  ["counting", null],
  ["retries", null],
  ["eternalCounter", { count: 3 }],
  ["quoteWithDeadline", null],
  ["approval", "Ada"],
];

test("histories read from a running host are the ones on file", async () => {
  for (const [name, input] of scenarios) await app.run(name, input);
  await recordHistories({ from: app.host.url, out: folder });
  const read = (from: string, file: string) => JSON.parse(readFileSync(join(from, file), "utf8")) as RecordedHistory;
  const files = readdirSync(histories).filter((file) => file.endsWith(".json"));
  expect(files).toHaveLength(scenarios.length);
  for (const file of files) {
    const { source, ...onFile } = read(histories, file);
    const { source: own, ...fresh } = read(folder, file);
    expect([file, fresh]).toEqual([file, onFile]);
    expect(own).toBe("derived");
    expect(["derived", "recorded"]).toContain(source);
  }
});

test("the page lists instances and shows one with its timeline, with inputs escaped", async () => {
  const id = app.start("approval", "<script>alert(1)</script>");
  await app.ended(id);
  const list = await (await fetch(app.host.url)).text();
  expect(list).toContain(`/_instances/${id}`);
  const page = await (await fetch(`${app.host.url}/_instances/${id}`)).text();
  expect(page).toContain('class="bar"');
  expect(page).not.toContain("<script>");
  expect((await fetch(`${app.host.url}/_instances/nobody`)).status).toBe(404);
});

test("an app is watched for changes of its programs, and not of what lies in node_modules", async () => {
  const copy = join(folder, "watched");
  cpSync(join(appsDir, "first"), copy, { recursive: true });
  symlinkSync(join(__dirname, "../../../node_modules"), join(copy, "node_modules"));
  let changes = 0;
  const changed = new Promise<void>((resolve) => {
    const end = watchApp(copy, () => {
      changes += 1;
      end();
      resolve();
    });
  });
  appendFileSync(join(copy, "src/functions/hello.mjs"), "\n// changed\n");
  await changed;
  expect(changes).toBe(1);
});
