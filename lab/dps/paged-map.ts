interface Slot<T> {
  readonly key: string;
  readonly sequence: number;
  value: T | undefined;
}

/** A page of a query: `next` is the position to go on from, absent on the last page. */
export interface Page<T> {
  readonly items: T[];
  readonly next?: number;
}

/**
 * A map in order of creation that can be read page by page while it changes: nothing that stays is left out or read
 * twice, and a page costs its own size, not that of the map.
 */
export class PagedMap<T> {
  private readonly byKey = new Map<string, Slot<T>>();
  private slots: Slot<T>[] = [];
  private nextSequence = 1;

  get size(): number {
    return this.byKey.size;
  }

  get(key: string): T | undefined {
    return this.byKey.get(key)?.value;
  }

  /** Adds at the end, or replaces in place. */
  set(key: string, value: T): void {
    const existing = this.byKey.get(key);
    if (existing) {
      existing.value = value;
      return;
    }
    const slot = { key, sequence: this.nextSequence, value };
    this.nextSequence += 1;
    this.byKey.set(key, slot);
    this.slots.push(slot);
  }

  delete(key: string): boolean {
    const slot = this.byKey.get(key);
    if (!slot) return false;
    slot.value = undefined;
    this.byKey.delete(key);
    if (this.slots.length > 64 && this.slots.length > this.byKey.size * 2) {
      this.slots = this.slots.filter(({ value }) => value !== undefined);
    }
    return true;
  }

  *values(): Generator<T> {
    for (const { value } of this.slots) if (value !== undefined) yield value;
  }

  /** At most `limit` values from position `from` (0: the start) on. */
  page(from: number, limit: number): Page<T> {
    const items: T[] = [];
    for (let index = this.indexOf(from); index < this.slots.length; index += 1) {
      const slot = this.slots[index];
      if (slot?.value === undefined) continue;
      if (items.length === limit) return { items, next: slot.sequence };
      items.push(slot.value);
    }
    return { items };
  }

  private indexOf(sequence: number): number {
    let [low, high] = [0, this.slots.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.slots[middle]?.sequence ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
