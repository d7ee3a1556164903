import { isDeepStrictEqual } from "node:util";
import { DeviceFacts, FACT_PARTITIONS, factPartition, mergeFacts } from "../../domain/device-facts";
import type { DeviceId } from "../../domain/ids";
import type { FactStore } from "../../ports/stores";
import { GuardedRows } from "./guarded-rows";
import { inParallel } from "./in-parallel";
import { keysByPartition } from "./keys";
import { RowCodec } from "./row-codec";
import type { StoreClients } from "./tables";

/**
 * Facts in Azure Tables. Table `facts`: `f00` … `f15` / device id.
 *
 * Storage operations: `read` 1 per partition touched, and 1 more per device in fleets far larger than the question (see
 * `GuardedRows.read`); `merge` the same, and 1 per partition and 100 devices whose facts changed.
 */
export class TableFactStore implements FactStore {
  private readonly rows: GuardedRows<DeviceFacts>;

  constructor(clients: StoreClients) {
    this.rows = new GuardedRows(() => clients.table("facts"), new RowCodec("facts", DeviceFacts));
  }

  async merge(heard: readonly DeviceFacts[]): Promise<void> {
    const byDevice = new Map<DeviceId, DeviceFacts>();
    for (const facts of heard) byDevice.set(facts.deviceId, mergeFacts(byDevice.get(facts.deviceId), facts));
    await inParallel(keysByPartition([...byDevice.keys()], partitionKeyOf), FACT_PARTITIONS, ([partitionKey, idOf]) =>
      this.rows.merge(partitionKey, [...idOf.keys()], (rowKey, stored) => {
        const id = idOf.get(rowKey);
        const news = id === undefined ? undefined : byDevice.get(id);
        if (news === undefined) return undefined;
        const merged = DeviceFacts.parse(JSON.parse(JSON.stringify(mergeFacts(stored, news))));
        return isDeepStrictEqual(merged, stored) ? undefined : merged;
      }),
    );
  }

  async read(deviceIds: readonly DeviceId[]): Promise<ReadonlyMap<DeviceId, DeviceFacts>> {
    const found = new Map<DeviceId, DeviceFacts>();
    await inParallel(keysByPartition(deviceIds, partitionKeyOf), FACT_PARTITIONS, async ([partitionKey, idOf]) => {
      for (const { value } of (await this.rows.read(partitionKey, [...idOf.keys()])).values()) {
        found.set(value.deviceId, value);
      }
    });
    return found;
  }
}

function partitionKeyOf(id: DeviceId): string {
  return `f${String(factPartition(id)).padStart(2, "0")}`;
}
