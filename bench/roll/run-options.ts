import type { HubTier } from "../../lab/iot-hub/quotas";
import type { Playbook } from "./fleets";

/** One run: a fleet, a playbook, a hub, and how fast. */
export interface RunOptions {
  readonly playbook: Playbook;
  readonly tier: HubTier;
  /** At least 1. */
  readonly devices: number;
  /** Units of the hub, and by how much the quotas of DPS are multiplied and all waits divided. 1 to 200. */
  readonly scale: number;
  /** Percent of every quota that the app may take. */
  readonly quotaPercent: number;
  /** Whether what DPS writes into a hub counts against the hub's registry quota, which Azure leaves open. */
  readonly assignCounts: boolean;
  /** Seconds after the order at which an unfinished roll is measured as it stands. */
  readonly patienceSeconds: number;
  readonly print: (line: string) => void;
}
