/**
 * Runs one piece of work per key at a time and at most `limit` pieces in all. A key that is asked for while it runs
 * runs again afterwards: its work may have missed what came meanwhile.
 */
export class RunQueue {
  private readonly queued = new Set<string>();
  private readonly running = new Set<string>();
  private stopped = false;
  private pumping = false;

  constructor(
    private readonly limit: number,
    private readonly work: (key: string) => Promise<void>,
  ) {}

  get isIdle(): boolean {
    return this.queued.size === 0 && this.running.size === 0;
  }

  add(key: string): void {
    if (this.stopped) return;
    this.queued.add(key);
    this.schedule();
  }

  /** Nothing more is begun; resolves when nothing runs. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.queued.clear();
    while (this.running.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** A moment later, so that messages that arrive together are taken together. */
  private schedule(): void {
    if (this.pumping) return;
    this.pumping = true;
    setImmediate(() => {
      this.pumping = false;
      this.pump();
    });
  }

  private pump(): void {
    for (const key of this.queued) {
      if (this.stopped || this.running.size >= this.limit) return;
      if (this.running.has(key)) continue;
      this.queued.delete(key);
      this.running.add(key);
      void this.work(key).finally(() => {
        this.running.delete(key);
        if (this.queued.size > 0) this.schedule();
      });
    }
  }
}
