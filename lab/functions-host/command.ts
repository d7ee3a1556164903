import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { CrashHooks } from "./engine/engine";
import { messageOf, numberOf, objectOf, tryParse } from "./json";
import type { HostOptions, LogLine } from "./options";
import { type RunningHost, startRunningHost } from "./running-host";
import { watchApp } from "./watch";

const usage = `usage: host --app DIR [--port 7071] [--store FILE] [--workers 1] [--guards on|off]
            [--profile none|azure-storage] [--durable] [--json]`;

/**
 * The command line of the host: runs until SIGINT or SIGTERM. With --json it writes one line
 * {"ready":true,"url":…} and then log lines as JSON; otherwise what Core Tools writes, and it loads the app again when
 * one of its files changes.
 * LAB_HOST_CRASH ends it by SIGKILL at a chosen point, for crash tests.
 */
export async function runHost(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      app: { type: "string" },
      port: { type: "string" },
      store: { type: "string" },
      workers: { type: "string" },
      guards: { type: "string" },
      profile: { type: "string" },
      durable: { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true || values.app === undefined) {
    process.stdout.write(`${usage}\n`);
    if (values.app === undefined) process.exitCode = 2;
    return;
  }
  const appDir = resolve(values.app);
  const storeFile = resolve(values.store ?? join(appDir, ".rollcall", "host.db"));
  mkdirSync(dirname(storeFile), { recursive: true });
  const json = values.json === true;
  const options: HostOptions = {
    ...{ appDir, storeFile, port: wholeNumber("--port", values.port, 7071), durable: values.durable === true },
    workers: wholeNumber("--workers", values.workers, 1),
    guards: oneOf("--guards", values.guards, ["on", "off"] as const),
    profile: oneOf("--profile", values.profile, ["none", "azure-storage"] as const),
    settings: settingsFromParent(),
    log: (line) => process.stdout.write(json ? `${JSON.stringify(line)}\n` : plain(line)),
    hooks: crashHooks(process.env["LAB_HOST_CRASH"]),
  };
  let host = await startRunningHost(options);
  process.stdout.write(json ? `${JSON.stringify({ ready: true, url: host.url })}\n` : banner(host));
  const unwatch = json ? undefined : watchApp(appDir, () => void reload());
  const reload = async (): Promise<void> => {
    process.stdout.write("The app has changed: loading it again.\n");
    const { port } = host;
    await host.stop();
    try {
      host = await startRunningHost({ ...options, port });
      process.stdout.write(banner(host));
    } catch (error) {
      process.stderr.write(`${messageOf(error)}\nWaiting for the next change.\n`);
    }
  };
  const stop = (): void => {
    unwatch?.();
    void host.stop().then(() => process.exit(0));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  // A host that was started by another process ends with it.
  if (json) process.stdin.on("end", stop).resume();
}

function wholeNumber(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`${flag} must be a whole number, not "${text}".`);
  return value;
}

function oneOf<T extends string>(flag: string, text: string | undefined, allowed: readonly [T, ...T[]]): T {
  if (text === undefined) return allowed[0];
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new Error(`${flag} must be one of ${allowed.join(", ")}, not "${text}".`);
  return found;
}

function settingsFromParent(): Record<string, string> {
  const given = objectOf(tryParse(process.env["LAB_HOST_SETTINGS"] ?? "{}"));
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
}

/** Ends this process as `kill -9` does, at a point that the text describes: `{"afterTurn":3}`. */
function crashHooks(text: string | undefined): CrashHooks {
  const point = objectOf(tryParse(text ?? "{}"));
  const counter = (name: string): (() => void) => {
    let left = numberOf(point[name]) ?? 0;
    return () => {
      left -= 1;
      if (left === 0) process.kill(process.pid, "SIGKILL");
    };
  };
  const turn = counter("afterTurn");
  return {
    afterCommit: (kind) => {
      if (kind === "turn" || kind === "entity") turn();
    },
    beforeStart: counter("beforeStart"),
    beforeActivityCommit: counter("afterActivity"),
  };
}

function plain({ level, text }: LogLine): string {
  return `[${new Date().toISOString()}] ${level === "information" ? "" : `${level}: `}${text}\n`;
}

/** What Core Tools prints when it is up. */
function banner(host: RunningHost): string {
  const web = host.functions.filter(({ trigger }) => trigger.toLowerCase() === "httptrigger");
  const others = host.functions.filter((fn) => !web.includes(fn));
  const width = Math.max(0, ...host.functions.map(({ name }) => name.length));
  const line = (name: string, rest: string): string => `\t${`${name}:`.padEnd(width + 2)}${rest}`;
  return [
    "",
    "Functions:",
    "",
    ...web.map(({ name, detail }) => {
      const [methods = "", path = ""] = detail.split(" ");
      return line(name, `${methods} http://localhost:${host.port}${path}`);
    }),
    ...others.map(({ name, trigger, detail }) => line(name, `${trigger}${detail === "" ? "" : ` (${detail})`}`)),
    "",
    `Instances: http://localhost:${host.port}/`,
    "",
    "",
  ].join("\n");
}
