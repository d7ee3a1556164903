import { AutoContained, grantAuto, type AutoWish } from "../../domain/roll/auto-contain";
import type { AutoContainBudget } from "../../ports/auto-contain";
import type { Clock } from "../../ports/clock";
import { RowCodec } from "./row-codec";
import { attempt, contended } from "./storage-errors";
import { getRow } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITION = "auto-contain";
const ROW = "hour";

/** How often a wish that lost a race is decided again; each lost race means that another roll was granted something. */
const TRIES = 50;

/**
 * The budget in Azure Tables. Table `ledger`, row `auto-contain` / `hour`.
 *
 * Storage operations: 2 per grant, and 2 more per lost race; 1 where nothing is left. A grant whose answer was lost is found
 * by the roll's next try.
 */
export class TableAutoContainBudget implements AutoContainBudget {
  private readonly codec = new RowCodec<AutoContained>("ledger", AutoContained);

  constructor(
    private readonly clients: StoreClients,
    readonly perHour: number,
    private readonly clock: Clock,
  ) {}

  async take(wish: AutoWish): Promise<number> {
    const table = await this.clients.table("ledger");
    for (let tries = 0; tries < TRIES; tries += 1) {
      const row = await getRow(table, PARTITION, ROW);
      const stored = row === undefined ? undefined : this.codec.decode(row);
      const { granted, next } = grantAuto(stored?.value, wish, this.perHour, this.clock.now());
      if (next === undefined) return granted;
      const entity = this.codec.encode(PARTITION, ROW, next);
      const written = await attempt("grant automatic containment", () =>
        stored === undefined
          ? table.createEntity(entity)
          : table.updateEntity(entity, "Replace", { etag: stored.etag }),
      );
      if (written.outcome === "done") return granted;
    }
    throw contended("grant automatic containment", TRIES);
  }
}
