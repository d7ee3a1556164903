import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { authoritiesFromJson, authoritiesToJson, type LabAuthorities } from "../scenarios/lab-authorities";
import type { LabPorts, LabServices, LabState } from "../scenarios/lab-services";
import { z } from "zod";

const portsFile = z.object({
  dpsService: z.number(),
  dpsMqtt: z.number(),
  events: z.number(),
  hubs: z.array(z.object({ service: z.number(), mqtt: z.number() })),
});

/** A folder that keeps what a lab knew: authorities, ports, registries. It holds keys; only its owner can read it. */
export interface LabStateFolder extends LabState {
  /** Of the lab that is resumed. */
  readonly ports?: LabPorts;
  /** Writes down what makes the next lab the same one: who signs, and where it listens. */
  remember(services: LabServices): Promise<void>;
}

/**
 * Opens the folder, which may be new. Rejects when a file in it was not written by a lab; the error names the file.
 */
export async function openLabState(folder: string): Promise<LabStateFolder> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const authoritiesFile = join(folder, "authorities.json");
  const portsPath = join(folder, "ports.json");
  const hubFile = (hostName: string): string => join(folder, `${hostName}.json`);
  const authorities: LabAuthorities | undefined = await readIfThere(authoritiesFile, authoritiesFromJson);
  const ports = await readIfThere(portsPath, (text) => portsFile.parse(JSON.parse(text)));
  return {
    ...(authorities === undefined ? {} : { authorities }),
    ...(ports === undefined ? {} : { ports }),
    dpsSnapshotFile: join(folder, "dps.json"),
    hubSnapshot: (hostName) => readIfThere(hubFile(hostName), (text): unknown => JSON.parse(text)),
    saveHub: (hostName, snapshot) => replace(hubFile(hostName), JSON.stringify(snapshot)),
    remember: async ({ root, issuer, dps, events, hubs }) => {
      await replace(authoritiesFile, authoritiesToJson({ root, issuer }));
      const inUse: LabPorts = {
        dpsService: dps.servicePort,
        dpsMqtt: dps.mqttPort,
        events: events.port,
        hubs: hubs.map(({ servicePort, mqttPort }) => ({ service: servicePort, mqtt: mqttPort })),
      };
      await replace(portsPath, JSON.stringify(inUse));
    },
  };
}

/** As a whole: a crash in between leaves the old file. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

async function readIfThere<T>(file: string, read: (text: string) => T): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return read(text);
  } catch {
    throw new Error(`${file} was not written by a lab; delete its folder to start empty.`);
  }
}
