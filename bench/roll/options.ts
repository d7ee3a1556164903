import { parseArgs } from "node:util";
import type { HubTier } from "../../lab/iot-hub/quotas";
import { playbooks, type Playbook } from "./fleets";
import { largestScale } from "./limit";

export interface RollBenchOptions {
  readonly devices: number;
  readonly playbooks: readonly Playbook[];
  readonly tiers: readonly HubTier[];
  /** Undefined: as much as `pace` needs. */
  readonly scale: number | undefined;
  readonly pace: number;
  readonly quotaPercent: number;
  readonly assignCounts: boolean;
  readonly naive: boolean;
  readonly details: boolean;
}

export const rollHelp = `npm run bench -- roll [--devices N] [--playbook NAME …] [--hub TIER …]

Rolls a fleet of devices with keys of their own, once per playbook and hub, with the quotas of DPS and IoT Hub on, and
compares with what the quotas allow.

  --devices N          how many; default 1,000
  --playbook NAME      ${playbooks.join(", ")}; default all
  --hub TIER           S1, S2 or S3; default S1 and S3
  --pace N             devices per second that the quotas are to allow; default 8. What the machine can do is the
                       end of it: the lab, the fleet and the app share it
  --scale N            instead of --pace: a hub of N units, a DPS of N times 1,000 operations and registrations a minute,
                       and every wait of the app N times shorter
  --quota-percent N    share of the quotas that the app takes; default 90
  --assign-counts      what DPS writes into a hub counts against the hub's registry quota (Azure leaves it open)
  --no-naive           without the naive design beside it
  --details            also where the storage operations and the calls of DPS and the hub went
`;

const tiers: readonly HubTier[] = ["S1", "S2", "S3"];

/** @throws Error that says what to write instead. */
export function readRollOptions(args: readonly string[]): RollBenchOptions {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      devices: { type: "string", default: "1000" },
      playbook: { type: "string", multiple: true, default: [...playbooks] },
      hub: { type: "string", multiple: true, default: ["S1", "S3"] },
      scale: { type: "string" },
      pace: { type: "string", default: "8" },
      "quota-percent": { type: "string", default: "90" },
      "assign-counts": { type: "boolean", default: false },
      naive: { type: "boolean", default: true },
      details: { type: "boolean", default: false },
    },
  });
  return {
    devices: whole("--devices", values.devices, 1_000_000),
    playbooks: values.playbook.map((name) => oneOf("--playbook", playbooks, name)),
    tiers: values.hub.map((name) => oneOf("--hub", tiers, name)),
    scale: values.scale === undefined ? undefined : whole("--scale", values.scale, largestScale),
    pace: whole("--pace", values.pace, 1_000),
    quotaPercent: whole("--quota-percent", values["quota-percent"], 100),
    assignCounts: values["assign-counts"],
    naive: values.naive,
    details: values.details,
  };
}

function whole(option: string, text: string, most: number): number {
  const value = Number(text.replaceAll(",", ""));
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`${option} ${text}: give a whole number from 1 to ${most.toLocaleString("en")}`);
  return value;
}

function oneOf<T extends string>(option: string, known: readonly T[], text: string): T {
  const found = known.find((name) => name === text);
  if (found === undefined) throw new Error(`${option} ${text}: give one of ${known.join(", ")}`);
  return found;
}
