import type { TransactionAction } from "@azure/data-tables";
import { z } from "zod";
import { Instant } from "../../domain/instant";
import type { PoisonEvent, PoisonStore } from "../../ports/stores";
import { transactions } from "./table-rows";
import { inParallel } from "./in-parallel";
import { formatKey } from "./keys";
import { RowCodec } from "./row-codec";
import { demand } from "./storage-errors";
import type { StoreClients } from "./tables";

const PARTITIONS_AT_ONCE = 8;

const StoredPoisonEvent = z.object({
  hub: z.string(),
  partition: z.string(),
  sequenceNumber: z.int(),
  offset: z.string(),
  at: Instant,
  reason: z.string(),
  deviceId: z.string().optional(),
  bodyBase64: z.string(),
});
type StoredPoisonEvent = z.infer<typeof StoredPoisonEvent>;

/**
 * Poison events in Azure Tables. Table `poison`: hub|partition / sequence number|offset. An event is its position: one that
 * is delivered again takes the place of the first.
 *
 * Storage operations: 1 per hub partition and 100 events.
 */
export class TablePoisonStore implements PoisonStore {
  private readonly codec = new RowCodec<StoredPoisonEvent>("poison", StoredPoisonEvent);

  constructor(private readonly clients: StoreClients) {}

  async put(events: readonly PoisonEvent[]): Promise<void> {
    const table = await this.clients.table("poison");
    const partitions = new Map<string, Map<string, PoisonEvent>>();
    for (const event of events) {
      const partitionKey = `${formatKey(event.hub)}|${formatKey(event.partition)}`;
      const rows = partitions.get(partitionKey) ?? new Map<string, PoisonEvent>();
      partitions.set(partitionKey, rows.set(rowKeyOf(event), event));
    }
    await inParallel([...partitions], PARTITIONS_AT_ONCE, async ([partitionKey, rows]) => {
      const actions = [...rows].map(([rowKey, event]): TransactionAction => {
        const entity = this.codec.encode(partitionKey, rowKey, event, { reason: event.reason });
        return ["upsert", entity, "Replace"];
      });
      for (const chunk of transactions(actions)) {
        await demand("keep poison events", () => table.submitTransaction(chunk));
      }
    });
  }
}

/** Sequence numbers are written with as many digits as the largest has, so that the rows lie in the order of the stream. */
function rowKeyOf(event: PoisonEvent): string {
  return `${formatKey(String(event.sequenceNumber).padStart(19, "0"))}|${formatKey(event.offset)}`;
}
