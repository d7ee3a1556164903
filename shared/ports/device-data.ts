import type { DeviceId } from "../domain/ids";
import type { DeviceData, DeviceMetadata, SeenDevice } from "../domain/registry/device-data";

/** The product's own data per device. Throws `RollError` when the storage does not answer. */
export interface DeviceDataStore {
  /**
   * Initialises devices that were never seen, and anew those whose id stands for another device by now. Seeing the same
   * twice changes nothing. Answers the records as they then are.
   */
  see(seen: readonly SeenDevice[]): Promise<ReadonlyMap<DeviceId, DeviceData>>;
  /** Those that were ever seen. */
  read(deviceIds: readonly DeviceId[]): Promise<ReadonlyMap<DeviceId, DeviceData>>;
  /** Replaces the notes; undefined: the device was never seen. */
  putMetadata(deviceId: DeviceId, metadata: DeviceMetadata): Promise<DeviceData | undefined>;
}
