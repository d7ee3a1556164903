import { FACT_PARTITIONS, factPartition } from "../../domain/device-facts";
import type { DeviceId } from "../../domain/ids";
import { afterSeeing, DeviceData, type DeviceMetadata, type SeenDevice } from "../../domain/registry/device-data";
import type { DeviceDataStore } from "../../ports/device-data";
import { GuardedRows } from "./guarded-rows";
import { inParallel } from "./in-parallel";
import { formatKey, keysByPartition } from "./keys";
import { RowCodec } from "./row-codec";
import type { StoreClients } from "./tables";

/**
 * Device data in Azure Tables. Table `devices`: `d00` … `d15` / device id.
 *
 * Storage operations: `see` and `read` 1 per partition touched (more in fleets far larger than the question, see
 * `GuardedRows.read`); `see` 1 more per partition and 100 devices that are new.
 */
export class TableDeviceDataStore implements DeviceDataStore {
  private readonly rows: GuardedRows<DeviceData>;

  constructor(clients: StoreClients) {
    this.rows = new GuardedRows(() => clients.table("devices"), new RowCodec("devices", DeviceData));
  }

  async see(seen: readonly SeenDevice[]): Promise<ReadonlyMap<DeviceId, DeviceData>> {
    const byDevice = new Map<DeviceId, SeenDevice[]>();
    for (const one of seen) byDevice.set(one.deviceId, [...(byDevice.get(one.deviceId) ?? []), one]);
    const now = new Map<DeviceId, DeviceData>();
    const partitions = keysByPartition([...byDevice.keys()], partitionKeyOf);
    await inParallel(partitions, FACT_PARTITIONS, ([partitionKey, idOf]) =>
      this.rows.merge(partitionKey, [...idOf.keys()], (rowKey, stored) => {
        const id = idOf.get(rowKey);
        if (id === undefined) return undefined;
        const after = (byDevice.get(id) ?? []).reduce((known, one) => afterSeeing(known, one) ?? known, stored);
        if (after !== undefined) now.set(id, after);
        return after === stored ? undefined : after;
      }),
    );
    return now;
  }

  async read(deviceIds: readonly DeviceId[]): Promise<ReadonlyMap<DeviceId, DeviceData>> {
    const found = new Map<DeviceId, DeviceData>();
    await inParallel(keysByPartition(deviceIds, partitionKeyOf), FACT_PARTITIONS, async ([partitionKey, idOf]) => {
      for (const { value } of (await this.rows.read(partitionKey, [...idOf.keys()])).values())
        found.set(value.deviceId, value);
    });
    return found;
  }

  async putMetadata(deviceId: DeviceId, metadata: DeviceMetadata): Promise<DeviceData | undefined> {
    let written: DeviceData | undefined;
    await this.rows.merge(partitionKeyOf(deviceId), [formatKey(deviceId)], (_rowKey, stored) => {
      written = stored === undefined ? undefined : { ...stored, metadata };
      return written;
    });
    return written;
  }
}

function partitionKeyOf(id: DeviceId): string {
  return `d${String(factPartition(id)).padStart(2, "0")}`;
}
