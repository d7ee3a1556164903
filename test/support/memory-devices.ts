import type { DeviceId } from "../../shared/domain/ids";
import {
  afterSeeing,
  DeviceData,
  type DeviceMetadata,
  type SeenDevice,
} from "../../shared/domain/registry/device-data";
import type { DeviceDataStore } from "../../shared/ports/device-data";

/** Device data without a storage account; passes the contract suite of the real store. */
export class MemoryDeviceDataStore implements DeviceDataStore {
  private readonly rows = new Map<DeviceId, DeviceData>();

  see(seen: readonly SeenDevice[]): Promise<ReadonlyMap<DeviceId, DeviceData>> {
    for (const one of seen) {
      const after = afterSeeing(this.rows.get(one.deviceId), one);
      if (after !== undefined) this.rows.set(one.deviceId, DeviceData.parse(JSON.parse(JSON.stringify(after))));
    }
    return this.read(seen.map(({ deviceId }) => deviceId));
  }

  read(deviceIds: readonly DeviceId[]): Promise<ReadonlyMap<DeviceId, DeviceData>> {
    const found = deviceIds.flatMap((id): [DeviceId, DeviceData][] => {
      const data = this.rows.get(id);
      return data === undefined ? [] : [[id, data]];
    });
    return Promise.resolve(new Map(found));
  }

  putMetadata(deviceId: DeviceId, metadata: DeviceMetadata): Promise<DeviceData | undefined> {
    const known = this.rows.get(deviceId);
    if (known === undefined) return Promise.resolve(undefined);
    const written = { ...known, metadata };
    this.rows.set(deviceId, written);
    return Promise.resolve(written);
  }
}
