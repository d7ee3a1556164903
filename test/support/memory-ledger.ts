import { heed, LedgerRow, reserve } from "../../shared/domain/pacing/ledger";
import type { Feedback, Granted, Rate, Wanted } from "../../shared/domain/pacing/ledger";
import type { ResourceName } from "../../shared/domain/pacing/quotas";
import type { Clock } from "../../shared/ports/clock";
import type { QuotaLedger } from "../../shared/ports/ledger";

/** The quota ledger without a storage account; passes the same contract suite as the real one. */
export class MemoryLedger implements QuotaLedger {
  private readonly rows = new Map<ResourceName, LedgerRow>();

  constructor(
    private readonly rates: ReadonlyMap<ResourceName, Rate>,
    private readonly clock: Clock,
  ) {}

  async reserve(wanted: Wanted<ResourceName>): Promise<Granted<ResourceName>> {
    await Promise.resolve();
    const { granted, rows } = reserve(wanted, this.rows, this.rates);
    for (const [name, row] of rows) this.rows.set(name, LedgerRow.parse(row));
    return granted;
  }

  async feedback(resource: ResourceName, feedback: Feedback): Promise<void> {
    await Promise.resolve();
    this.rows.set(resource, LedgerRow.parse(heed(this.rows.get(resource), feedback, this.clock.now())));
  }
}
