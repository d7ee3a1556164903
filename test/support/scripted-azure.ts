import { connectAzure } from "../../shared/adapters/azure/connect";
import { HubHostName } from "../../shared/domain/ids";
import { instant } from "../../shared/domain/instant";
import { serverRoot } from "./lab-dps-pki";
import { startScriptedService } from "./scripted-service";

export const dpsHost = HubHostName.parse("lab-dps.azure-devices-provisioning.net");
export const hubHost = HubHostName.parse("lab-hub.azure-devices.net");
/** Appears in nothing that leaves the adapters. */
export const secretKey = Buffer.from("a very secret key").toString("base64");

/** The adapters with all services on one scripted server. `by` says how they prove who they are. */
export async function startScriptedAzure(o: { by?: "sas" | "identity"; timeoutMs?: number; caPem?: string } = {}) {
  const service = await startScriptedService();
  const access = (host: HubHostName) =>
    o.by === "identity"
      ? ({ kind: "identity", host } as const)
      : ({ kind: "sas", host, keyName: "owner", key: secretKey } as const);
  const azure = connectAzure(
    {
      dps: access(dpsHost),
      dpsResourceId: { subscriptionId: "sub", resourceGroup: "fleet", name: "lab-dps" },
      hubs: [access(hubHost)],
      loopback: {
        caPem: o.caPem ?? serverRoot.certificatePem,
        ports: new Map([dpsHost, hubHost, "management.azure.com"].map((host) => [host, service.port])),
        tokens: new Map([["https://iothubs.azure.net", "hub-token"]]),
      },
      timing: { callTimeoutMs: o.timeoutMs ?? 2_000 },
    },
    { now: () => instant(1_767_225_600_000) },
  );
  return {
    ...azure,
    service,
    hub: azure.hubs.hub(hubHost),
    stop: async () => {
      azure.close();
      await service.stop();
    },
  };
}

export type ScriptedAzure = Awaited<ReturnType<typeof startScriptedAzure>>;

/** What a promise rejects with, as text with everything an error carries. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it was not refused");
}
