import type { Faults } from "../../lab/faults/faults";
import { x509Authentication } from "../../lab/iot-hub/identity";
import { startAzurite } from "../../lab/storage/azurite";
import { connectAzure } from "../../shared/adapters/azure/connect";
import { BlobImportExport } from "../../shared/adapters/store/import-export-blobs";
import { systemClock } from "../../shared/adapters/x509/system-clock";
import { readConnectionString, type ServiceAccess } from "../../shared/config/variables";
import { HubHostName, type DeviceId } from "../../shared/domain/ids";
import type { Hubs } from "../../shared/ports/hubs";
import type { ImportExportBlobs } from "../../shared/ports/import-export-blobs";
import { startHarness } from "../lab/iot-hub/harness";
import { FakeAzure } from "./fake-azure";

/** A hub behind the ports, and the means to put it into a state without the ports. */
export interface HubStage {
  readonly hubs: Hubs;
  readonly faults: Faults;
  addIdentity(
    deviceId: DeviceId,
    primaryThumbprint: string,
    secondaryThumbprint: string | undefined,
    iotEdge?: boolean,
  ): void;
  removeIdentity(deviceId: DeviceId): void;
  /** A module that proves itself by this thumbprint, or by keys. */
  addModule(deviceId: DeviceId, moduleId: string, thumbprint?: string): void;
  /** A device with an identity of its own goes online and answers methods with what `answer` makes of the payload. */
  connect(
    deviceId: DeviceId,
    answer: (methodName: string, payload: unknown) => { readonly status: number; readonly payload: unknown },
  ): Promise<void>;
  stop(): Promise<void>;
}

/** A hub that exports to, and imports from, a storage account. */
export interface HubAndStorageStage extends HubStage {
  readonly blobs: ImportExportBlobs;
}

/** The fakes that steps are tested with. */
export function memoryHubStage(): Promise<HubAndStorageStage> {
  const azure = new FakeAzure();
  const hub = azure.hub();
  return Promise.resolve({
    hubs: azure.hubs,
    faults: azure.faults,
    blobs: azure.blobs,
    addIdentity: (deviceId, primaryThumbprint, secondaryThumbprint, iotEdge = false) =>
      azure.addIdentity({
        iotEdge,
        deviceId,
        primaryThumbprint,
        ...(secondaryThumbprint === undefined ? {} : { secondaryThumbprint }),
      }),
    removeIdentity: (deviceId) => hub.remove(deviceId),
    addModule: (deviceId, moduleId, primaryThumbprint) =>
      hub.addModule(
        deviceId,
        moduleId,
        primaryThumbprint === undefined ? {} : { authentication: "selfSigned", primaryThumbprint },
      ),
    connect: (deviceId, answer) => {
      hub.add({ deviceId, primaryThumbprint: "0".repeat(64) });
      hub.connect(deviceId, answer);
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
  });
}

/** The SDK adapters against the lab's hub. */
export async function labHubStage(): Promise<HubStage> {
  const lab = await startHarness();
  const { store } = lab.hub;
  const access = readConnectionString(lab.hub.connectionString);
  if (access === undefined) throw new Error("the lab's hub is named in another way");
  const dps: ServiceAccess = { kind: "identity", host: HubHostName.parse("dps.invalid") };
  const azure = connectAzure(
    {
      dps,
      dpsResourceId: { subscriptionId: "sub", resourceGroup: "lab", name: "none" },
      hubs: [access],
      loopback: {
        caPem: lab.root.certificatePem,
        ports: new Map([[lab.hub.hostName, lab.hub.servicePort]]),
        tokens: new Map(),
      },
      timing: { callTimeoutMs: 1_000 },
    },
    systemClock,
  );
  return {
    hubs: azure.hubs,
    faults: lab.faults,
    addIdentity: (deviceId, primaryThumbprint, secondaryThumbprint, iotEdge = false) =>
      void store.seed(deviceId, {
        iotEdge,
        authentication: {
          ...x509Authentication(primaryThumbprint),
          secondaryThumbprint: secondaryThumbprint ?? null,
        },
      }),
    removeIdentity: (deviceId) => store.delete(deviceId, undefined, "service"),
    addModule: (deviceId, moduleId, thumbprint) =>
      void store.seed(
        deviceId,
        {
          authentication:
            thumbprint === undefined
              ? { ...x509Authentication(""), type: "sas", primaryThumbprint: null }
              : x509Authentication(thumbprint),
        },
        moduleId,
      ),
    connect: async (deviceId, answer) => {
      const device = await lab.mqtt(deviceId, lab.provision(deviceId));
      device.on("message", (topic, body) => {
        const [, name = "", requestId = ""] = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=(.+)$/.exec(topic) ?? [];
        const { status, payload } = answer(name, JSON.parse(body.toString("utf8")));
        device.publish(`$iothub/methods/res/${status}/?$rid=${requestId}`, JSON.stringify(payload));
      });
      await device.subscribeAsync("$iothub/methods/POST/#");
    },
    stop: async () => {
      azure.close();
      await lab.stop();
    },
  };
}

/** The same with Azurite beside it. */
export async function labHubAndStorageStage(): Promise<HubAndStorageStage> {
  const [stage, azurite] = await Promise.all([labHubStage(), startAzurite()]);
  const { connectionString } = azurite;
  return {
    ...stage,
    blobs: new BlobImportExport({ kind: "connection-string", connectionString }, systemClock),
    stop: async () => {
      await stage.stop();
      await azurite.stop();
    },
  };
}
