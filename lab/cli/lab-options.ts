import { parseArgs } from "node:util";
import type { LabPorts } from "../scenarios/lab-services";
import { readSwitches, type LabSwitches } from "./switches";
import { orUsage, UsageError, wholeNumber } from "./usage";

/** What `npm run lab` was asked for. */
export interface LabCommandOptions {
  /** Where the lab leaves its settings; default `.rollcall`. */
  readonly folder: string;
  readonly hubs: number;
  /** Devices to enroll, with keys in files. Default: 0. */
  readonly devices: number;
  /** Whether the registries outlive the lab. */
  readonly state: boolean;
  readonly verbose: boolean;
  readonly ports?: LabPorts;
  readonly switches: LabSwitches;
}

/** `help` and `switches` are questions about the command, not runs of it. */
export type LabCommand =
  { readonly ask: "help" | "switches" } | { readonly ask: "run"; readonly run: LabCommandOptions };

/** Documented limit of hubs that one DPS can have linked (Microsoft docs, iot-dps-limits). */
const mostHubs = 50;
const mostDevices = 10_000;
const highestPort = 65_535;
/** The hubs' ports begin here above the base; below are DPS and Event Hubs. */
const firstHubPort = 10;

/**
 * Reads the arguments behind `lab`.
 * @throws UsageError when an option is unknown, misplaced or cannot have that value.
 */
export function readLabCommand(args: readonly string[]): LabCommand {
  const { values } = orUsage(() =>
    parseArgs({
      args: [...args],
      options: {
        folder: { type: "string", default: ".rollcall" },
        hubs: { type: "string", default: "1" },
        devices: { type: "string", default: "0" },
        "port-base": { type: "string" },
        state: { type: "boolean", default: false },
        quotas: { type: "boolean", default: false },
        "time-scale": { type: "string" },
        switch: { type: "string", multiple: true, default: [] },
        switches: { type: "boolean", default: false },
        verbose: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }),
  );
  if (values.help) return { ask: "help" };
  if (values.switches) return { ask: "switches" };
  if (values.folder === "") throw new UsageError("--folder takes the name of a folder.");
  const hubs = wholeNumber("--hubs", values.hubs, 1, mostHubs);
  const portBase = values["port-base"];
  return {
    ask: "run",
    run: {
      folder: values.folder,
      hubs,
      devices: wholeNumber("--devices", values.devices, 0, mostDevices),
      state: values.state,
      verbose: values.verbose,
      switches: readSwitches([...quotaSwitches(values.quotas, values["time-scale"]), ...values.switch]),
      ...(portBase === undefined ? {} : { ports: portsFrom(portBase, hubs) }),
    },
  };
}

function quotaSwitches(quotas: boolean, timeScale: string | undefined): string[] {
  if (timeScale !== undefined && !quotas) throw new UsageError("--time-scale needs --quotas.");
  if (timeScale !== undefined && !(Number(timeScale) > 0)) {
    throw new UsageError(`--time-scale takes a number above 0, not '${timeScale}'.`);
  }
  const scale = timeScale ?? "1";
  return ["dps", "hub"].flatMap((service) => [
    `${service}.quotas.enabled=${quotas}`,
    `${service}.quotas.timeScale=${scale}`,
  ]);
}

function portsFrom(text: string, hubs: number): LabPorts {
  const base = wholeNumber("--port-base", text, 1, highestPort - firstHubPort - 2 * hubs);
  return {
    dpsService: base,
    dpsMqtt: base + 1,
    events: base + 2,
    hubs: Array.from({ length: hubs }, (_, index) => ({
      service: base + firstHubPort + 2 * index,
      mqtt: base + firstHubPort + 2 * index + 1,
    })),
  };
}
