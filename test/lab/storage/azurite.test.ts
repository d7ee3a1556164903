import { TableClient } from "@azure/data-tables";
import { BlobServiceClient } from "@azure/storage-blob";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { startAzurite } from "../../../lab/storage/azurite";
import type { Azurite } from "../../../lab/storage/azurite";

const running: Azurite[] = [];
const start = async (options?: Parameters<typeof startAzurite>[0]): Promise<Azurite> => {
  const azurite = await startAzurite(options);
  running.push(azurite);
  return azurite;
};

afterEach(async () => {
  await Promise.all(running.splice(0).map((azurite) => azurite.stop()));
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const eventually = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((done) => setTimeout(done, 20));
};

test("tables and blobs answer the official SDKs as soon as it is started", async () => {
  const azurite = await start();
  const table = TableClient.fromConnectionString(azurite.connectionString, "facts", { allowInsecureConnection: true });
  await table.createTable();
  await table.createEntity({ partitionKey: "p", rowKey: "r", value: 7 });
  expect((await table.getEntity("p", "r"))["value"]).toBe(7);

  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient("plans");
  await blobs.create();
  await blobs.getBlockBlobClient("one").upload("hello", 5);
  expect((await blobs.getBlockBlobClient("one").downloadToBuffer()).toString()).toBe("hello");
});

test("two at once share nothing", async () => {
  const [one, two] = await Promise.all([start(), start()]);
  const client = (azurite: Azurite) =>
    TableClient.fromConnectionString(azurite.connectionString, "rolls", { allowInsecureConnection: true });
  await Promise.all([client(one).createTable(), client(two).createTable()]);
  await client(one).createEntity({ partitionKey: "p", rowKey: "r" });
  await expect(client(two).getEntity("p", "r")).rejects.toMatchObject({ statusCode: 404 });
});

test("a given folder keeps its data over a restart", async () => {
  const location = await mkdtemp(join(tmpdir(), "azurite-test-"));
  const table = (azurite: Azurite) =>
    TableClient.fromConnectionString(azurite.connectionString, "kept", { allowInsecureConnection: true });
  try {
    const first = await start({ location });
    await table(first).createTable();
    await table(first).createEntity({ partitionKey: "p", rowKey: "r", value: "kept" });
    await first.stop();
    const second = await start({ location });
    expect((await table(second).getEntity("p", "r"))["value"]).toBe("kept");
    await second.stop();
  } finally {
    await rm(location, { recursive: true, force: true });
  }
});

test("memory and a folder together are refused with a sentence", async () => {
  await expect(startAzurite({ inMemory: true, location: "/anywhere" })).rejects.toThrow(/not both/);
});

test("stop ends the process and may be called twice", async () => {
  const azurite = await start();
  expect(isAlive(azurite.pid)).toBe(true);
  await azurite.stop();
  expect(isAlive(azurite.pid)).toBe(false);
  await azurite.stop();
});

test("it dies with a parent that is killed without warning", async () => {
  const outDir = await mkdtemp(join(tmpdir(), "azurite-parent-"));
  try {
    const compiler = resolve("node_modules/@swc/core");
    const script = `
      const swc = require(${JSON.stringify(compiler)}), fs = require("fs"), path = require("path");
      for (const name of ["azurite", "free-ports"]) {
        const { code } = swc.transformFileSync(path.resolve("lab/storage", name + ".ts"), {
          jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" },
        });
        fs.writeFileSync(path.join(${JSON.stringify(outDir)}, name + ".js"), code);
      }
      fs.symlinkSync(path.resolve("node_modules"), path.join(${JSON.stringify(outDir)}, "node_modules"));`;
    await promisify(execFile)(process.execPath, ["-e", script]);
    const parent = spawn(
      process.execPath,
      [
        "-e",
        `require(${JSON.stringify(join(outDir, "azurite.js"))}).startAzurite().then((a) => {
           console.log(a.pid); setInterval(() => {}, 1000); });`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const pid = await new Promise<number>((done) => parent.stdout.once("data", (chunk: Buffer) => done(Number(chunk))));
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await eventually(() => !isAlive(pid));
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
});
