import type { LabClock } from "../clock";

/** What queries see of the registry: every write, but later by the lag that the hub is told to show. */
export class QueryIndex<T> {
  private readonly visible = new Map<string, T>();
  private pending: { readonly key: string; readonly record: T | undefined; readonly at: number }[] = [];

  constructor(
    private readonly clock: LabClock,
    private readonly lagMs: () => number,
  ) {}

  set(key: string, record: T | undefined): void {
    const lag = this.lagMs();
    if (lag <= 0 && this.pending.length === 0) {
      this.show(key, record);
      return;
    }
    this.pending.push({ key, record, at: this.clock.now() + lag });
    if (this.pending.length % 1_000 === 0) this.settle();
  }

  records(): IterableIterator<T> {
    this.settle();
    return this.visible.values();
  }

  private settle(): void {
    const now = this.clock.now();
    const due = this.pending.findIndex((entry) => entry.at > now);
    for (const { key, record } of this.pending.splice(0, due < 0 ? this.pending.length : due)) this.show(key, record);
  }

  private show(key: string, record: T | undefined): void {
    if (record) this.visible.set(key, record);
    else this.visible.delete(key);
  }
}
