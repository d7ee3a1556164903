import { x509Authentication } from "../../../lab/iot-hub/identity";
import { connectAzure } from "../../../shared/adapters/azure/connect";
import { systemClock } from "../../../shared/adapters/x509/system-clock";
import { readConnectionString, type ServiceAccess } from "../../../shared/config/variables";
import { HubHostName } from "../../../shared/domain/ids";
import { startHarness } from "../../lab/iot-hub/harness";
import { FakeAzure } from "../../support/fake-azure";
import { describeHubs, type HubStage } from "./hubs-contract";

describeHubs("in memory", () => {
  const azure = new FakeAzure();
  const hub = azure.hub();
  return Promise.resolve({
    hubs: azure.hubs,
    faults: azure.faults,
    addIdentity: (deviceId, primaryThumbprint, secondaryThumbprint, iotEdge = false) =>
      azure.addIdentity({
        iotEdge,
        deviceId,
        primaryThumbprint,
        ...(secondaryThumbprint === undefined ? {} : { secondaryThumbprint }),
      }),
    removeIdentity: (deviceId) => hub.remove(deviceId),
    connect: (deviceId, answer) => {
      hub.add({ deviceId, primaryThumbprint: "0".repeat(64) });
      hub.connect(deviceId, answer);
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
  });
});

describeHubs("the SDKs against the lab's hub", startLab);

async function startLab(): Promise<HubStage> {
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
