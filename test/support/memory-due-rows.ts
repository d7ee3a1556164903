import { DueRow } from "../../shared/domain/due";
import type { Instant } from "../../shared/domain/instant";
import type { DueRows } from "../../shared/ports/due-rows";

/** Due rows without a storage account; passes the same contract suite as the real ones. */
export class MemoryDueRows implements DueRows {
  private readonly rows = new Map<string, string>();

  async note(row: DueRow): Promise<void> {
    await Promise.resolve();
    this.rows.set(row.key, JSON.stringify(DueRow.parse(row)));
  }

  async find(key: string): Promise<DueRow | undefined> {
    await Promise.resolve();
    const text = this.rows.get(key);
    return text === undefined ? undefined : DueRow.parse(JSON.parse(text));
  }

  async due(at: Instant, limit: number): Promise<readonly DueRow[]> {
    return (await this.sorted()).filter(({ dueAt }) => dueAt <= at).slice(0, limit);
  }

  async list({ limit, after = "" }: { readonly limit: number; readonly after?: string }): Promise<readonly DueRow[]> {
    return (await this.sorted()).filter(({ key }) => key > after).slice(0, limit);
  }

  async settle(key: string): Promise<void> {
    await Promise.resolve();
    this.rows.delete(key);
  }

  private async sorted(): Promise<DueRow[]> {
    await Promise.resolve();
    return [...this.rows.values()]
      .map((text) => DueRow.parse(JSON.parse(text)))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
