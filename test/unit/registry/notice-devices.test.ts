import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { DeviceId } from "../../../shared/domain/ids";
import { addMs, instant } from "../../../shared/domain/instant";
import type { SeenDevice } from "../../../shared/domain/registry/device-data";
import { createIngestEvents } from "../../../shared/use-cases/ingest-events";
import { createNoticeDevices } from "../../../shared/use-cases/registry/notice-devices";
import { MemoryDeviceDataStore } from "../../support/memory-devices";
import { MemoryFactStore, MemoryPoisonStore } from "../../support/memory-stores";
import { deviceId, t0 } from "../../support/builders";
import { anEvent, systemOf } from "../use-cases/events";

function aConsumer() {
  const devices = new MemoryDeviceDataStore();
  const calls: (readonly SeenDevice[])[] = [];
  const counted = {
    see: (seen: readonly SeenDevice[]) => {
      calls.push(seen);
      return devices.see(seen);
    },
  };
  const ingest = createIngestEvents({
    clock: { now: () => instant(t0) },
    certificates: nodeCertificateReader,
    facts: new MemoryFactStore(),
    poison: new MemoryPoisonStore(),
    notice: createNoticeDevices({ devices: counted }),
  });
  return { devices, calls, ingest };
}

const reborn = { systemProperties: { ...systemOf(3), "iothub-connection-auth-generation-id": "639" } };

describe("a device that is heard", () => {
  it("for the first time gets a record of its own; hearing it again costs nothing", async () => {
    const { devices, calls, ingest } = aConsumer();
    await ingest("lab-hub", [anEvent(1), anEvent(2)]);
    await ingest("lab-hub", [anEvent(4)]);
    const id = DeviceId.parse(deviceId);
    expect((await devices.read([id])).get(id)).toMatchObject({ firstSeenAt: addMs(t0, 2), metadata: {} });
    expect(calls).toHaveLength(1);
  });

  it("under a new generation is another device: its notes are gone", async () => {
    const { devices, ingest } = aConsumer();
    const id = DeviceId.parse(deviceId);
    await ingest("lab-hub", [anEvent(1)]);
    await devices.putMetadata(id, { site: "hall 3" });
    await ingest("lab-hub", [anEvent(3, reborn)]);
    const data = (await devices.read([id])).get(id);
    expect(data?.generations).toHaveLength(2);
    expect(data?.metadata).toEqual({});
  });
});
