import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { appSettingsFile } from "./cli/lab-command";
import { spawnHost } from "./functions-host/host";
import { scenarios } from "./scenarios/catalogue";
import { interruption, processScreen } from "./terminal";

/** Where the stage that stays up leaves what a shell needs to use it. */
const envFile = ".rollcall/app.env";

/** Plays a scenario. Answers the exit code: 0 only if every claim held. With `exit` it ends by itself. */
export async function start(options: { readonly scenario?: string; readonly exit: boolean }): Promise<number> {
  const scenario =
    options.scenario === undefined ? scenarios[0] : scenarios.find(({ name }) => name === options.scenario);
  if (scenario === undefined) {
    console.error(
      `There is no scenario ${options.scenario ?? ""}. There are: ${scenarios.map(({ name }) => name).join(", ")}.`,
    );
    return 2;
  }
  const interrupted = interruption();
  const run = scenario.run({
    screen: processScreen(),
    ...(options.exit ? {} : { stay: { until: interrupted, envFile } }),
  });
  const { ok } = await Promise.race([run, interrupted.then(() => (options.exit ? { ok: false } : run))]);
  return ok ? 0 : 1;
}

/** The scenarios, one per line. */
export function list(): number {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  for (const { name, summary } of scenarios) console.log(`${name.padEnd(width)}  ${summary}`);
  return 0;
}

/**
 * The app in the embedded Functions host, against the lab that `lab` has running, until Ctrl-C. `folder` is where that
 * lab left its settings. Answers 2 when there are none.
 */
export async function host(options: { readonly port: number; readonly folder: string }): Promise<number> {
  const settingsFile = appSettingsFile(options.folder);
  let settings: Record<string, string>;
  try {
    settings = z.record(z.string(), z.string()).parse(JSON.parse(await readFile(settingsFile, "utf8")));
  } catch {
    console.error(`There is no ${settingsFile}. Start the lab first, in another terminal: npm run lab`);
    return 2;
  }
  const running = await spawnHost({
    appDir: resolve("."),
    port: options.port,
    storeFile: resolve(join(options.folder, "functions-host.db")),
    settings,
  });
  console.log(`Rollcall runs at ${running.url}. Its rolls: ${running.url}/api/rolls. Ctrl-C ends it.`);
  await Promise.race([interruption(), running.exited]);
  await running.stop();
  return 0;
}
