import type { LabServices } from "../scenarios/lab-services";
import { armHostName, armToken, dpsResourceId } from "../scenarios/lab-settings";
import { addressSettings } from "./addresses";

/** Files of a running lab, as a person would name them from where the lab was started. */
export interface LabFiles {
  readonly ca: string;
  /** For programs on Azure's SDKs: names, connection strings and the way to the lab. */
  readonly environment: string;
  /** For the Rollcall app. */
  readonly appSettings: string;
  /** Below it a folder per device; undefined when none were asked for. */
  readonly devices?: string;
  readonly state?: string;
}

/** What a program on the service SDKs needs: the same values as the sheet, under names of their own. */
export function sdkEnvironment(services: LabServices): Record<string, string> {
  const { dps, hub, hubs, events, azurite } = services;
  return {
    DPS_CONNECTION_STRING: dps.connectionString,
    DPS_ID_SCOPE: dps.idScope,
    DPS_RESOURCE_ID: dpsResourceId,
    ARM_TOKEN: armToken(),
    IOTHUB_CONNECTION_STRING: hub.connectionString,
    ...Object.fromEntries(
      hubs.slice(1).map(({ connectionString }, index) => [`IOTHUB_CONNECTION_STRING_${index + 2}`, connectionString]),
    ),
    EVENT_HUB_CONNECTION_STRING: events.connectionString(hub.eventHubName),
    STORAGE_CONNECTION_STRING: azurite.connectionString,
    LAB_CA_FILE: services.caFile,
    ...addressSettings(services),
  };
}

/** What `npm run lab` prints when everything is up; the last line says so. */
export function settingsSheet(services: LabServices, files: LabFiles): string {
  const { dps, hubs, events, azurite } = services;
  const at = (port: number): string => `127.0.0.1:${port}`;
  const blocks: [string, readonly string[]][] = [
    [
      "DPS",
      [
        `${dps.serviceHostName}   id scope ${dps.idScope}`,
        `https ${at(dps.servicePort)} (service, devices, ARM)   mqtts ${at(dps.mqttPort)} (devices)`,
        dps.connectionString,
      ],
    ],
    ["ARM", [`https://${armHostName} is https ${at(dps.servicePort)}; bearer token: ARM_TOKEN`, dpsResourceId]],
    ...hubs.map((hub, index): [string, string[]] => [
      index === 0 ? "IoT Hub" : `IoT Hub ${index + 1}`,
      [
        hub.hostName,
        `https ${at(hub.servicePort)} (service)   mqtts ${at(hub.mqttPort)} (devices)`,
        hub.connectionString,
      ],
    ]),
    ["Event Hubs", hubs.map((hub) => events.connectionString(hub.eventHubName))],
    ["Storage", [azurite.connectionString]],
    ["Authority", [`${files.ca}   signed the servers' certificates; verified in DPS as lab-root`]],
    [
      "Settings",
      [`${files.environment}   all of this, for programs on Azure's SDKs`, `${files.appSettings}   for Rollcall`],
    ],
    [
      "Devices",
      files.devices === undefined ? ["none enrolled; --devices N enrolls some"] : [`${files.devices}/lab-device-*/`],
    ],
    ...(files.state === undefined
      ? []
      : [["State", [`${files.state}   written when the lab ends`]] satisfies [string, string[]]]),
  ];
  const lines = blocks.flatMap(([name, details]) =>
    details.map((detail, index) => `${(index === 0 ? name : "").padEnd(12)}${detail}`),
  );
  const device =
    files.devices === undefined ? [] : [`  node --env-file=${files.devices}/lab-device-1/device.env YOUR-DEVICE.js`];
  return [
    ...lines,
    "",
    "Programs on Azure's SDKs for Node find the lab as they are:",
    ...device,
    `  node --env-file=${files.environment} YOUR-SERVICE.js`,
    "`npm run host` in another terminal runs Rollcall. `npm run lab -- --help` tells the rest. Ctrl-C ends the lab.",
  ].join("\n");
}
