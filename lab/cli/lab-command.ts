import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startLabServices, type LabServices } from "../scenarios/lab-services";
import { interruption } from "../terminal";
import { writeDevices } from "./device-files";
import { writeEnvFile } from "./env-file";
import type { LabCommandOptions } from "./lab-options";
import { openLabState } from "./lab-state";
import { printRequests } from "./request-lines";
import { sdkEnvironment, settingsSheet } from "./settings-sheet";

/** Where `lab` leaves the environment of the app that `host` runs. */
export const appSettingsFile = (folder: string): string => join(folder, "lab-settings.json");

/**
 * Azure on this machine and nothing else, until Ctrl-C. Writes its settings into the folder before it prints that it is
 * up. Data in storage survive in the folder; the registries do with `state`. Rejects when a port is taken or the state
 * was not written by a lab.
 */
export async function runLab(options: LabCommandOptions): Promise<number> {
  const folder = resolve(options.folder);
  const interrupted = interruption();
  const stateFolder = join(folder, "state");
  const state = options.state ? await openLabState(stateFolder) : undefined;
  const ports = options.ports ?? state?.ports;
  const services = await startLabServices({
    folder,
    storageFolder: join(folder, "storage"),
    dpsSwitches: options.switches.dps,
    hubSwitches: options.switches.hub,
    hubQuotas: options.switches.hubQuotas,
    eventsSwitches: options.switches.events,
    hubs: options.hubs,
    ...(ports === undefined ? {} : { ports }),
    ...(state === undefined ? {} : { state }),
  }).catch((error: unknown) => {
    throw portTaken(error) ? new Error(`${messageOf(error)}. Choose other ports: --port-base N`) : error;
  });
  try {
    await state?.remember(services);
    await writeSettings(services, folder);
    if (options.devices > 0) await writeDevices(services, join(folder, "devices"), options.devices);
    const sheet = settingsSheet(services, {
      ca: join(options.folder, "lab-ca.pem"),
      environment: join(options.folder, "lab.env"),
      appSettings: appSettingsFile(options.folder),
      ...(options.devices > 0 ? { devices: join(options.folder, "devices") } : {}),
      ...(state === undefined ? {} : { state: join(options.folder, "state") }),
    });
    if (options.verbose) printRequests(services, (line) => console.log(line));
    console.log(sheet);
    await interrupted;
    return 0;
  } finally {
    await services.stop();
  }
}

async function writeSettings(services: LabServices, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = appSettingsFile(folder);
  const secret = (await webhookSecretIn(file)) ?? randomBytes(24).toString("hex");
  await writeFile(file, JSON.stringify(services.settings(secret), undefined, 2), { mode: 0o600 });
  await writeEnvFile(join(folder, "lab.env"), sdkEnvironment(services));
}

/** Kept from one lab to the next, so that whoever signs alerts need not be told again. */
async function webhookSecretIn(file: string): Promise<string | undefined> {
  try {
    const settings: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof settings !== "object" || settings === null || !("ROLLCALL_WEBHOOK_SECRETS" in settings))
      return undefined;
    const secret = settings.ROLLCALL_WEBHOOK_SECRETS;
    return typeof secret === "string" && secret !== "" ? secret : undefined;
  } catch {
    return undefined;
  }
}

function portTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EADDRINUSE" || error.code === "EACCES");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
