import { isDeepStrictEqual } from "node:util";
import { odata } from "@azure/data-tables";
import type { TableClient, TransactionAction } from "@azure/data-tables";
import { heed, LedgerRow, reserve } from "../../domain/pacing/ledger";
import type { Feedback, Granted, Rate, Wanted } from "../../domain/pacing/ledger";
import type { ResourceName } from "../../domain/pacing/quotas";
import type { Clock } from "../../ports/clock";
import type { QuotaLedger } from "../../ports/ledger";
import { formatKey } from "./keys";
import { RowCodec } from "./row-codec";
import type { Versioned } from "./row-codec";
import { contended } from "./storage-errors";
import { queryAll, transact } from "./table-rows";
import type { StoreClients } from "./tables";

/** How often a reservation that lost a race is decided again; each lost race means that another one was made. */
const TRIES = 50;

type Rows = ReadonlyMap<ResourceName, Versioned<LedgerRow>>;

/**
 * The quota ledger in Azure Tables. Table `ledger`, a partition per DPS instance with the hubs linked to it, a row per
 * resource: so that a reservation of several resources is one transaction.
 *
 * Storage operations: 1 per reservation while no other process reserves, 2 after one has, and 2 more per lost race; none
 * for a reservation that is put off. A write whose answer is lost has reserved: what is then reserved again is too much,
 * and never too little.
 */
export class TableLedger implements QuotaLedger {
  private readonly rows = new RowCodec<LedgerRow>("ledger", LedgerRow);
  private readonly partitionKey: string;
  /** As this process knows it; behind where others have written, and then the next write is refused. */
  private known: Rows | undefined;
  private last: Promise<unknown> = Promise.resolve();

  /** @param pool the DPS instance's host name. */
  constructor(
    private readonly clients: StoreClients,
    pool: string,
    private readonly rates: ReadonlyMap<ResourceName, Rate>,
    private readonly clock: Clock,
  ) {
    this.partitionKey = formatKey(pool);
  }

  reserve(wanted: Wanted<ResourceName>): Promise<Granted<ResourceName>> {
    return this.change((stored) => {
      const { granted, rows } = reserve(wanted, stored, this.rates);
      return { answer: granted, rows };
    });
  }

  async feedback(resource: ResourceName, feedback: Feedback): Promise<void> {
    await this.change((stored) => {
      const before = stored.get(resource);
      const after = heed(before, feedback, this.clock.now());
      // Ninety calls in flight are told the same.
      return { answer: undefined, rows: isDeepStrictEqual(before, after) ? new Map() : new Map([[resource, after]]) };
    });
  }

  /** One at a time: calls of one process would only make each other lose. */
  private change<A>(
    decide: (stored: ReadonlyMap<ResourceName, LedgerRow>) => {
      readonly answer: A;
      readonly rows: ReadonlyMap<ResourceName, LedgerRow>;
    },
  ): Promise<A> {
    const turn = this.last.then(async () => {
      for (let tries = 0; tries < TRIES; tries += 1) {
        const stored = this.known ?? (await this.readAll());
        const { answer, rows } = decide(new Map([...stored].map(([name, { value }]) => [name, value])));
        this.known = rows.size === 0 ? stored : await this.write(stored, rows);
        if (this.known !== undefined) return answer;
      }
      throw contended("reserve in the ledger", TRIES);
    });
    this.last = turn.catch(() => {
      this.known = undefined;
    });
    return turn;
  }

  private async readAll(): Promise<Rows> {
    const stored = await queryAll(await this.table(), odata`PartitionKey eq ${this.partitionKey}`);
    const byKey = new Map(stored.map((row) => [row.rowKey, this.rows.decode(row)]));
    return new Map(
      [...this.rates.keys()].flatMap((name) => {
        const row = byKey.get(formatKey(name));
        return row === undefined ? [] : [[name, row] as const];
      }),
    );
  }

  /** Undefined if somebody else has written one of the rows. */
  private async write(stored: Rows, rows: ReadonlyMap<ResourceName, LedgerRow>): Promise<Rows | undefined> {
    const changed = [...rows];
    const actions = changed.map(([name, row]): TransactionAction => {
      const entity = this.rows.encode(this.partitionKey, formatKey(name), row);
      const etag = stored.get(name)?.etag;
      return etag === undefined ? ["create", entity] : ["update", entity, "Replace", { etag }];
    });
    const written = await transact(await this.table(), actions);
    if (written.outcome !== "done") return undefined;
    const known = new Map(stored);
    for (const [at, [name, value]] of changed.entries()) {
      const etag = written.value[at];
      if (etag !== undefined) known.set(name, { value, etag });
      // Without its version it is as if we had never seen it: the next write fails, and then it is read.
      else known.delete(name);
    }
    return known;
  }

  private table(): Promise<TableClient> {
    return this.clients.table("ledger");
  }
}
