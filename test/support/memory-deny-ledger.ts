import { DenyEntry, denyId, noted } from "../../shared/domain/deny-entry";
import type { DenyLedger } from "../../shared/ports/deny-ledger";

/** The deny ledger without a storage account. Passes the same contract suite as the real one. */
export class MemoryDenyLedger implements DenyLedger {
  private readonly rows = new Map<string, DenyEntry>();

  async note(entry: DenyEntry): Promise<void> {
    await Promise.resolve();
    const id = denyId(entry);
    this.put(id, noted(this.rows.get(id), entry));
  }

  async find(id: string): Promise<DenyEntry | undefined> {
    await Promise.resolve();
    const row = this.rows.get(id);
    return row === undefined ? undefined : { ...row };
  }

  change: DenyLedger["change"] = async (id, decide) => {
    await Promise.resolve();
    const current = this.rows.get(id);
    if (current === undefined) return undefined;
    const { next, answer } = decide({ ...current });
    if (next !== undefined) this.put(id, next);
    return answer;
  };

  async list({ limit, after = "" }: Parameters<DenyLedger["list"]>[0]): Promise<readonly DenyEntry[]> {
    await Promise.resolve();
    const left = [...this.rows].filter(([id]) => id > after).sort(([a], [b]) => (a < b ? -1 : 1));
    return left.slice(0, limit).map(([, row]) => ({ ...row }));
  }

  private put(id: string, entry: DenyEntry): void {
    this.rows.set(id, DenyEntry.parse(JSON.parse(JSON.stringify(entry))));
  }
}
