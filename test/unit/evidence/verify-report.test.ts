import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyReport } from "../../../verify/verify-report";
import { privateKeyPem, ReportBed } from "./report-bed";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "verify-"));
  const text = await new ReportBed().finished();
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
  await writeFile(at("report.json"), text);
  await writeFile(at("changed.json"), text.replace("pump-2", "pump-9"));
  await writeFile(at("unsigned.json"), await new ReportBed().finished({ signed: false }));
  await writeFile(at("own.pem"), createPublicKey(privateKeyPem).export({ type: "spki", format: "pem" }));
  await writeFile(at("stranger.pem"), stranger.export({ type: "spki", format: "pem" }));
  await writeFile(at("private.pem"), privateKeyPem);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each<[string, readonly string[], number, RegExp]>([
  ["a sound report", ["report.json"], 0, /compare the key/],
  ["a sound report of the trusted key", ["report.json", "--key", "own.pem"], 0, /signed by the trusted key/],
  ["another key", ["report.json", "--key", "stranger.pem"], 3, /another key/],
  ["a changed report", ["changed.json"], 1, /^FAULT in line \d+, [a-z-]+: /m],
  ["an unsigned report", ["unsigned.json"], 3, /nobody signed it/],
  ["an unsigned report that is wanted so", ["unsigned.json", "--unsigned"], 0, /nobody signed it/],
  ["an unsigned report where a key is asked for", ["unsigned.json", "--unsigned", "--key", "own.pem"], 3, /nobody/],
  ["no such file", ["nowhere.json"], 2, /cannot read/],
  ["no file", [], 2, /use: /],
  ["an unknown option", ["report.json", "--trust"], 2, /use: /],
  ["a private key instead of a public one", ["report.json", "--key", "private.pem"], 2, /neither a certificate/],
])("%s: the exit code says it", async (_what, args, code, words) => {
  const printed: string[] = [];
  const paths = args.map((arg) => (/\.(json|pem)$/.test(arg) ? at(arg) : arg));
  expect(await verifyReport(paths, (line) => printed.push(line))).toBe(code);
  expect(printed.join("\n")).toMatch(words);
});

test("the summary names roll, counts and exposure", async () => {
  const printed: string[] = [];
  await verifyReport([at("report.json")], (line) => printed.push(line));
  expect(printed.join("\n")).toMatch(/roll \S+ \(individual-breach\), partial/);
  expect(printed.join("\n")).toMatch(/devices: 3 \(.*1 proven.*\)/);
  expect(printed.join("\n")).toMatch(/exposed for: p50 \d+ ms/);
});
