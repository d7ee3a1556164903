import { isDeepStrictEqual } from "node:util";
import { odata } from "@azure/data-tables";
import { DeviceFacts, FACT_PARTITIONS, factPartition, mergeFacts } from "../../domain/device-facts";
import type { DeviceId } from "../../domain/ids";
import type { FactList, FactStore } from "../../ports/stores";
import { GuardedRows } from "./guarded-rows";
import { inParallel } from "./in-parallel";
import { formatKey, keysByPartition } from "./keys";
import { RowCodec } from "./row-codec";
import { queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

/** Devices whose facts a process keeps in memory, some KiB each: it hears the same ones again and again. */
const REMEMBERED = 10_000;

/**
 * Facts in Azure Tables. Table `facts`: `f00` … `f15` / device id.
 *
 * Storage operations: `read` 1 per partition touched, and 1 more per device in fleets far larger than the question (see
 * `GuardedRows.read`); `merge` the same for devices that the
 * process does not remember, and 1 per partition and 100 devices whose facts changed; `page` 1.
 */
export class TableFactStore implements FactStore, FactList {
  private readonly codec = new RowCodec<DeviceFacts>("facts", DeviceFacts);
  private readonly rows: GuardedRows<DeviceFacts>;

  constructor(private readonly clients: StoreClients) {
    this.rows = new GuardedRows(() => clients.table("facts"), this.codec, REMEMBERED);
  }

  async merge(heard: readonly DeviceFacts[]): Promise<ReadonlyMap<DeviceId, DeviceFacts>> {
    const before = new Map<DeviceId, DeviceFacts>();
    const byDevice = new Map<DeviceId, DeviceFacts>();
    for (const facts of heard) byDevice.set(facts.deviceId, mergeFacts(byDevice.get(facts.deviceId), facts));
    await inParallel(keysByPartition([...byDevice.keys()], partitionKeyOf), FACT_PARTITIONS, ([partitionKey, idOf]) =>
      this.rows.merge(partitionKey, [...idOf.keys()], (rowKey, stored) => {
        const id = idOf.get(rowKey);
        const news = id === undefined ? undefined : byDevice.get(id);
        if (news === undefined) return undefined;
        if (stored !== undefined) before.set(news.deviceId, stored);
        const merged = DeviceFacts.parse(JSON.parse(JSON.stringify(mergeFacts(stored, news))));
        return isDeepStrictEqual(merged, stored) ? undefined : merged;
      }),
    );
    return before;
  }

  async page(partition: number, { limit, after }: Parameters<FactList["page"]>[1]): Promise<readonly DeviceFacts[]> {
    const table = await this.clients.table("facts");
    const from = after === undefined ? "" : formatKey(after);
    const filter = odata`PartitionKey eq ${partitionKey(partition)} and RowKey gt ${from}`;
    const found: DeviceFacts[] = [];
    for await (const { rows } of queryPages(table, filter, limit)) {
      found.push(...rows.map((row) => this.codec.decode(row).value));
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
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
  return partitionKey(factPartition(id));
}

function partitionKey(partition: number): string {
  return `f${String(partition).padStart(2, "0")}`;
}
