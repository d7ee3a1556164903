import { InventoryId, type InventorySummary } from "../../domain/inventory/inventory";
import type { DeviceRecord } from "../../domain/inventory/records";
import { formatInstant } from "../../domain/instant";
import { problem, type Problem } from "../../domain/outcome";
import type { InventoryStore } from "../../ports/inventory";
import { DEFAULT_PAGE } from "../../contract/inventory-api";

/** Where a page begins: which inventory, and how many answers came before. */
export interface Asked {
  readonly summary: InventorySummary;
  readonly offset: number;
  readonly limit: number;
}

/** The inventory that answers: the one a page before came from, else the newest. */
export async function askedInventory(
  inventories: InventoryStore,
  { limit, after }: { readonly limit?: string | undefined; readonly after?: string | undefined },
): Promise<Asked | Problem> {
  const size = limit === undefined ? DEFAULT_PAGE : Number(limit);
  if (after === undefined) {
    const summary = await inventories.latest();
    if (summary !== undefined) return { summary, offset: 0, limit: size };
    return problem(404, "no-inventory", "no inventory has been taken yet; POST /api/inventory/refresh takes one");
  }
  const [id, offset] = after.split(".");
  const inventoryId = InventoryId.safeParse(id);
  const entry = inventoryId.success ? await inventories.get(inventoryId.data) : undefined;
  return entry?.state === "finished"
    ? { summary: entry.summary, offset: Number(offset), limit: size }
    : problem(
        404,
        "unknown-inventory",
        "the inventory that this page belongs to is no longer kept; begin without `after`",
      );
}

/** What every answer says of the inventory it comes from. `more`: there are answers after this page. */
export function fromInventory({ summary, offset, limit }: Asked, more: boolean) {
  const { inventoryId, startedAt } = summary;
  const next = more ? { next: `${inventoryId}.${offset + limit}` } : {};
  return { inventoryId, takenAt: formatInstant(startedAt), ...next };
}

export async function* everyDevice(
  inventories: InventoryStore,
  { inventoryId, shards }: InventorySummary,
): AsyncGenerator<DeviceRecord, void> {
  for (let shard = 0; shard < shards; shard += 1) yield* inventories.readDevices(inventoryId, shard);
}

/** Keeps one page of what goes by, in its order. */
export class Window<T> {
  readonly items: T[] = [];
  private seen = 0;

  constructor(private readonly asked: Asked) {}

  push(item: T): void {
    const { offset, limit } = this.asked;
    if (this.seen >= offset && this.seen < offset + limit) this.items.push(item);
    this.seen += 1;
  }

  get more(): boolean {
    return this.seen > this.asked.offset + this.asked.limit;
  }
}

/** Keeps one page of what goes by, sorted; never much more than what lies before the page's end. */
export class SortedWindow<T> {
  private kept: T[] = [];
  private seen = 0;

  constructor(
    private readonly asked: Asked,
    private readonly order: (a: T, b: T) => number,
  ) {}

  push(item: T): void {
    this.seen += 1;
    this.kept.push(item);
    if (this.kept.length > 2 * this.end + 1_000) this.cut();
  }

  page(): { readonly items: readonly T[]; readonly more: boolean } {
    this.cut();
    return { items: this.kept.slice(this.asked.offset), more: this.seen > this.end };
  }

  private get end(): number {
    return this.asked.offset + this.asked.limit;
  }

  private cut(): void {
    this.kept = this.kept.sort(this.order).slice(0, this.end);
  }
}
