import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { spawnHost } from "./functions-host/host";
import { labHubHostName, startLabServices } from "./scenarios/lab-services";
import { scenarios } from "./scenarios/catalogue";
import { interruption, processScreen } from "./terminal";

/** Where `lab` leaves what `host` needs; git does not see it. */
const stateFolder = ".rollcall";
const settingsFile = join(stateFolder, "lab-settings.json");

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
  const run = scenario.run({ screen: processScreen(), ...(options.exit ? {} : { until: interrupted }) });
  const { ok } = await Promise.race([run, interrupted.then(() => (options.exit ? { ok: false } : run))]);
  return ok ? 0 : 1;
}

/** The scenarios, one per line. */
export function list(): number {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  for (const { name, summary } of scenarios) console.log(`${name.padEnd(width)}  ${summary}`);
  return 0;
}

/** Azure on this machine and nothing else, until Ctrl-C; data in storage survive in `.rollcall/`. */
export async function lab(): Promise<number> {
  const services = await startLabServices({
    folder: resolve(stateFolder),
    storageFolder: resolve(stateFolder, "storage"),
  });
  try {
    const settings = services.settings(randomBytes(24).toString("hex"));
    await mkdir(stateFolder, { recursive: true });
    await writeFile(settingsFile, JSON.stringify(settings, undefined, 2), { mode: 0o600 });
    const { dps, hub, events, azurite } = services;
    const rows = [
      ["DPS", dps.serviceHostName, `service ${dps.servicePort}, devices ${dps.mqttPort}, id scope ${dps.idScope}`],
      ["IoT Hub", labHubHostName, `service ${hub.servicePort}, devices ${hub.mqttPort}`],
      ["Event Hubs", "lab-hub", events.connectionString("lab-hub")],
      ["Storage", azurite.tableEndpoint, azurite.blobEndpoint],
      ["Authority", join(stateFolder, "lab-ca.pem"), "signed the servers' certificates; verified in DPS as lab-root"],
    ];
    for (const [name = "", place = "", detail = ""] of rows)
      console.log(`${name.padEnd(11)} ${place}\n            ${detail}`);
    console.log(
      `\nSettings for an app: ${settingsFile}\n\`npm run host\` in another terminal runs Rollcall against this lab. Ctrl-C ends it.`,
    );
    await interruption();
    return 0;
  } finally {
    await services.stop();
  }
}

/** The app in the embedded Functions host, against the lab that `lab` has running, until Ctrl-C. */
export async function host(options: { readonly port: number }): Promise<number> {
  let settings: Record<string, string>;
  try {
    settings = JSON.parse(await readFile(settingsFile, "utf8")) as Record<string, string>;
  } catch {
    console.error(`There is no ${settingsFile}. Start the lab first, in another terminal: npm run lab`);
    return 2;
  }
  const running = await spawnHost({
    appDir: resolve("."),
    port: options.port,
    storeFile: resolve(stateFolder, "functions-host.db"),
    settings,
  });
  console.log(`Rollcall runs at ${running.url}. Its rolls: ${running.url}/api/rolls. Ctrl-C ends it.`);
  await Promise.race([interruption(), running.exited]);
  await running.stop();
  return 0;
}
