import { join } from "node:path";
import { globalDpsHostName } from "../fleet/mqtt-transport";
import type { LabServices } from "../scenarios/lab-services";
import { armHostName } from "../scenarios/lab-settings";

/**
 * Environment with which a Node program finds the lab under Azure's names, unchanged: `redirect.ts` is loaded before it
 * and is told where each name and port of Azure is on this machine.
 */
export function addressSettings({ dps, hubs, caFile }: LabServices): Record<string, string> {
  const ports: Record<string, number> = { [`${armHostName}:443`]: dps.servicePort };
  for (const name of [dps.serviceHostName, globalDpsHostName]) {
    ports[`${name}:443`] = dps.servicePort;
    ports[`${name}:8883`] = dps.mqttPort;
  }
  for (const { hostName, servicePort, mqttPort } of hubs) {
    ports[`${hostName}:443`] = servicePort;
    ports[`${hostName}:8883`] = mqttPort;
  }
  return {
    // In quotes, so that the folder may have blanks in its name.
    NODE_OPTIONS: `--require "${join(__dirname, "redirect.js")}"`,
    LAB_ADDRESSES: JSON.stringify({ caFile, ports }),
  };
}
