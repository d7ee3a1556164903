import { armAudience, labToken } from "../dps/authorization";
import type { Dps } from "../dps/server";
import type { EventHubs } from "../event-hubs/server";
import type { IotHub } from "../iot-hub/server";
import type { Azurite } from "../storage/azurite";

export const armHostName = "management.azure.com";
/** The ARM resource of the lab's DPS. */
export const dpsResourceId =
  "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/lab/providers/Microsoft.Devices/provisioningServices/lab-dps";
/** With several hubs, the messages of all their devices are also in this event hub. */
export const allHubsEventHub = "all-hubs";
/** Readers beside the app's trigger. */
export const catchUpGroup = "catch-up";
/** Where the hubs' diagnostic settings stream their connection logs to. */
export const connectionLogHub = "connection-logs";
const tokenLifeMs = 30 * 86_400_000;

/** A bearer token that the lab's ARM takes for thirty days. */
export function armToken(): string {
  return labToken({ audience: armAudience, expiresAt: Date.now() + tokenLifeMs });
}

/** Environment of a Rollcall app that is to use this lab; times are short, as everything is near. */
export function appSettings(
  services: {
    readonly dps: Dps;
    readonly hubs: readonly IotHub[];
    readonly events: EventHubs;
    readonly azurite: Azurite;
    readonly caFile: string;
  },
  webhookSecret: string,
): Record<string, string> {
  const { dps, hubs, events, azurite, caFile } = services;
  const heartbeats = hubs.length > 1 ? allHubsEventHub : (hubs[0]?.eventHubName ?? "");
  return {
    AzureWebJobsStorage: azurite.connectionString,
    ROLLCALL_STORAGE: azurite.connectionString,
    ROLLCALL_DPS_CONNECTION: dps.connectionString,
    ROLLCALL_DPS_RESOURCE_ID: dpsResourceId,
    ROLLCALL_HUB_CONNECTIONS: JSON.stringify(hubs.map(({ connectionString }) => connectionString)),
    ROLLCALL_HEARTBEATS: events.connectionString(heartbeats),
    ROLLCALL_HEARTBEATS_HUB: heartbeats,
    ROLLCALL_HEARTBEATS_GROUP: "$Default",
    ROLLCALL_CATCH_UP_GROUP: catchUpGroup,
    ROLLCALL_CONNECTION_LOGS: events.connectionString(connectionLogHub),
    ROLLCALL_CONNECTION_LOGS_HUB: connectionLogHub,
    ROLLCALL_WEBHOOK_SECRETS: webhookSecret,
    // The lab's throttles are off unless somebody asks for them: nothing is to be paced then.
    ROLLCALL_HUB_SKUS: hubs.map(({ hostName }) => `${hostName}=S3x200`).join(","),
    ROLLCALL_DPS_OPERATIONS_PER_MINUTE: "1000000",
    ROLLCALL_DPS_REGISTRATIONS_PER_MINUTE: "1000000",
    ROLLCALL_LOOPBACK: JSON.stringify({
      caFile,
      ports: {
        [dps.serviceHostName]: dps.servicePort,
        ...Object.fromEntries(hubs.map(({ hostName, servicePort }) => [hostName, servicePort])),
        [armHostName]: dps.servicePort,
      },
      tokens: { [armAudience]: armToken() },
    }),
    ROLLCALL_PULSE_HOLD_MS: "200",
    ROLLCALL_SETTLE_MS: "500",
    ROLLCALL_POLL_MS: "250",
    ROLLCALL_SWEEP_SCHEDULE: "*/2 * * * * *",
    ROLLCALL_SWEEP_AGE_MS: "3000",
    // Azure's messages come in by the hundred, so that the app waits for more; here each one is awaited by somebody.
    AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize: "1",
    TASK_HUB_NAME: "rollcall",
    NODE_EXTRA_CA_CERTS: caFile,
  };
}
