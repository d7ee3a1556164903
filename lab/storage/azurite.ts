import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-ports";

export interface AzuriteOptions {
  /** Keep nothing on disk. Default: true, unless `location` is given. Refused together with `location`. */
  readonly inMemory?: boolean;
  /** Folder for the data, kept after `stop`. Default: none, or a temporary one that goes away when `inMemory` is false. */
  readonly location?: string;
}

/** A running Azurite: Microsoft's own emulator of Azure Storage, in a process of its own. */
export interface Azurite {
  /** For `AzureWebJobsStorage` and the storage SDKs; holds Azurite's well-known account and key. */
  readonly connectionString: string;
  readonly blobEndpoint: string;
  readonly queueEndpoint: string;
  readonly tableEndpoint: string;
  readonly pid: number;
  /** Ends the process; resolves when it is gone. Safe to call twice. */
  stop(): Promise<void>;
}

/** Azurite's public development account (README of Azure/Azurite, "Default Storage Account"); it guards nothing. */
const account = "devstoreaccount1";
const accountKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const startTries = 4;
const readyServices = 3;

/**
 * Starts Azurite (blobs, queues, tables) on free ports of 127.0.0.1 and waits until all three answer.
 * @throws Error with the process's own words when it ends before it is ready; a lost race for a port is tried again.
 */
export async function startAzurite(options: AzuriteOptions = {}): Promise<Azurite> {
  if (options.inMemory === true && options.location !== undefined) {
    throw new Error("Azurite keeps its data in memory or in a folder, not both: leave out `location` or `inMemory`.");
  }
  const inMemory = options.inMemory ?? options.location === undefined;
  const temporary = inMemory || options.location !== undefined ? undefined : await mkdtemp(join(tmpdir(), "azurite-"));
  const place = inMemory ? ["--inMemoryPersistence"] : ["--location", options.location ?? temporary ?? ""];
  for (let left = startTries; ; left -= 1) {
    const [blob = 0, queue = 0, table = 0] = await freePorts(readyServices);
    const child = launch([
      ...place,
      ...["--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1"],
      ...["--blobPort", String(blob), "--queuePort", String(queue), "--tablePort", String(table)],
      ...["--silent", "--skipApiVersionCheck", "--disableTelemetry"],
    ]);
    try {
      await ready(child);
      return describe(child, { blob, queue, table }, temporary);
    } catch (error) {
      child.kill("SIGKILL");
      if (left <= 1 || !String(error).includes("EADDRINUSE")) throw error;
    }
  }
}

/**
 * Azurite itself does not mind when its parent is gone, and a parent that is killed runs no exit handler. So the child
 * is started with an IPC channel and ends when that channel closes, which the kernel does for any kind of death.
 */
const endWithParent = "process.once('disconnect', () => process.exit(0)); require(process.argv[1]);";

function launch(flags: string[]): ChildProcess {
  const entry = createRequire(__filename).resolve("azurite/dist/src/azurite.js");
  const { AZURITE_ACCOUNTS: _inherited, NODE_OPTIONS: _debugger, ...env } = process.env;
  return spawn(process.execPath, ["-e", endWithParent, entry, ...flags], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env,
  });
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if ((said.match(/successfully (started|listening)/g) ?? []).length >= readyServices) resolve();
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      reject(new Error(`Azurite ended before it was ready (${String(code ?? signal)}): ${said.trim()}`));
    });
  });
}

function describe(
  child: ChildProcess,
  ports: { blob: number; queue: number; table: number },
  temporary: string | undefined,
): Azurite {
  const endpoint = (port: number): string => `http://127.0.0.1:${port}/${account}`;
  const exited = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", () => resolve());
  });
  // Neither the child nor its pipes keep the parent's event loop alive; `stop` waits for the exit all the same.
  child.unref();
  child.channel?.unref();
  return {
    connectionString: [
      "DefaultEndpointsProtocol=http",
      `AccountName=${account}`,
      `AccountKey=${accountKey}`,
      `BlobEndpoint=${endpoint(ports.blob)}`,
      `QueueEndpoint=${endpoint(ports.queue)}`,
      `TableEndpoint=${endpoint(ports.table)};`,
    ].join(";"),
    blobEndpoint: endpoint(ports.blob),
    queueEndpoint: endpoint(ports.queue),
    tableEndpoint: endpoint(ports.table),
    pid: child.pid ?? 0,
    stop: async () => {
      child.ref();
      child.kill("SIGTERM");
      const kill = setTimeout(() => child.kill("SIGKILL"), 2_000);
      await exited;
      clearTimeout(kill);
      if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
    },
  };
}
