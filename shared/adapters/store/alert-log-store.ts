import { odata } from "@azure/data-tables";
import { AlertRecord } from "../../domain/alert/log";
import type { AlertLog } from "../../ports/alert-log";
import type { Entropy } from "../../ports/clock";
import { RowCodec } from "./row-codec";
import { demand } from "./storage-errors";
import { queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITION = "alerts";
/** Beyond every moment that will be noted: taken from it, the newest sorts first. */
const LATEST = 9_999_999_999_999;

/** The log in Azure Tables. Table `alerts`: one partition, newest first. Storage operations: `note` 1, `list` 1. */
export class TableAlertLog implements AlertLog {
  private readonly codec = new RowCodec<AlertRecord>("alerts", AlertRecord);

  constructor(
    private readonly clients: StoreClients,
    private readonly entropy: Entropy,
  ) {}

  async note(record: AlertRecord): Promise<void> {
    const table = await this.clients.table("alerts");
    const key = `${String(LATEST - record.at).padStart(13, "0")}-${this.entropy.randomHex(8)}`;
    const { outcome, source } = record;
    const entity = this.codec.encode(PARTITION, key, record, { outcome, source });
    await demand("note an alert", () => table.upsertEntity(entity, "Replace"));
  }

  async list({ limit, after = "" }: Parameters<AlertLog["list"]>[0]): ReturnType<AlertLog["list"]> {
    const table = await this.clients.table("alerts");
    const filter = odata`PartitionKey eq ${PARTITION} and RowKey gt ${after}`;
    for await (const { rows } of queryPages(table, filter, limit + 1)) {
      const page = rows.slice(0, limit);
      const last = page.at(-1)?.rowKey;
      const more = rows.length > limit && last !== undefined ? { next: last } : {};
      return { records: page.map((row) => this.codec.decode(row).value), ...more };
    }
    return { records: [] };
  }
}
