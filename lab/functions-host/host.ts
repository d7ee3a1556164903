import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { compiled } from "./compiled";
import { objectOf, textOf, tryParse } from "./json";
import type { HostOptions } from "./options";
import { type RunningHost, startRunningHost } from "./running-host";

/** Runs a host in this process: for tests that look into it. */
export function startHost(options: HostOptions): Promise<RunningHost> {
  return startRunningHost(options);
}

/** Options a host in another process can be given. */
export type SpawnOptions = Pick<
  HostOptions,
  "appDir" | "port" | "storeFile" | "settings" | "guards" | "workers" | "profile" | "durable" | "log"
> & {
  /** Points at which the host ends itself by SIGKILL. */
  readonly crash?: CrashPoint;
};

/** Each counts from 1 since the process began; see LAB_HOST_CRASH in main.ts. */
export interface CrashPoint {
  /** Right after the n-th turn was committed. */
  readonly afterTurn?: number;
  /** On the n-th request to start an orchestration, before it is stored. */
  readonly beforeStart?: number;
  /** After the n-th activity ran, before its result is stored. */
  readonly afterActivity?: number;
}

/** A host in a process of its own, to be killed and started again on the same file. */
export interface HostProcess {
  readonly url: string;
  readonly pid: number;
  /** Default SIGKILL. Resolves when the process has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Ends it politely. */
  stop(): Promise<void>;
}

/** Starts a host process; resolves when it serves, rejects with its words when it ends before that. */
export async function spawnHost(options: SpawnOptions): Promise<HostProcess> {
  const child = spawn(process.execPath, [compiled("main.js"), ...hostArguments(options)], {
    env: {
      ...process.env,
      ...options.settings,
      LAB_HOST_SETTINGS: JSON.stringify(options.settings ?? {}),
      ...(options.crash === undefined ? {} : { LAB_HOST_CRASH: JSON.stringify(options.crash) }),
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const url = await readyUrl(child, options, exited);
  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  return { url, pid: child.pid ?? 0, kill, exited, stop: () => kill("SIGTERM") };
}

function hostArguments(options: SpawnOptions): string[] {
  return [
    ...["--app", options.appDir, "--store", options.storeFile, "--port", String(options.port ?? 0), "--json"],
    ...(options.guards === undefined ? [] : ["--guards", options.guards]),
    ...(options.workers === undefined ? [] : ["--workers", String(options.workers)]),
    ...(options.profile === undefined ? [] : ["--profile", options.profile]),
    ...(options.durable === true ? ["--durable"] : []),
  ];
}

async function readyUrl(child: ChildProcess, options: SpawnOptions, exited: Promise<unknown>): Promise<string> {
  const said: string[] = [];
  return await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        const message = objectOf(tryParse(line));
        const url = textOf(message["url"]);
        if (message["ready"] === true && url !== undefined) resolve(url);
        else {
          if (said.length < 50) said.push(line);
          options.log?.({
            level: textOf(message["level"]) ?? "information",
            category: textOf(message["category"]) ?? "system",
            text: textOf(message["text"]) ?? line,
          });
        }
      });
    }
    child.once("error", reject);
    void exited.then(() => reject(new Error(`The host ended before it served:\n${said.join("\n")}`)));
  });
}
