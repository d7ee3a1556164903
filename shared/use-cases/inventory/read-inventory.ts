import type { z } from "zod";
import {
  BlastRadiusQuery,
  EXPIRING_WITHIN_MS,
  ExpiringQuery,
  LintsQuery,
  type BlastRadiusView,
  type ExpiringView,
  type InventoryList,
  type InventoryView,
  type LintsView,
} from "../../contract/inventory-api";
import { expiringLeaves, expiringTrust } from "../../domain/inventory/expiring";
import { InventoryId, type Expiry, type Finding } from "../../domain/inventory/inventory";
import { graphOf } from "../../domain/inventory/trust";
import { addMs, formatInstant, parseInstant } from "../../domain/instant";
import { isProblem, problem, type Problem } from "../../domain/outcome";
import type { Clock } from "../../ports/clock";
import type { InventoryEntry, InventoryStore } from "../../ports/inventory";
import { askedInventory, everyDevice, fromInventory, SortedWindow, Window } from "./ask-inventory";
import { findBlastRadius } from "./blast-radius";

export interface ReadInventoryDeps {
  readonly clock: Clock;
  readonly inventories: InventoryStore;
}

/** A request's query parameters as they came. */
export type Query = Readonly<Record<string, string>>;

/** Reads answers out of inventories; nothing here asks Azure. Each problem is one of `invalid-query` and those named. */
export interface ReadInventory {
  /** Problems: `no-inventory`, `unknown-inventory`. */
  expiring(query: Query): Promise<ExpiringView | Problem>;
  /** Problems: `no-inventory`, `unknown-inventory`. */
  lints(query: Query): Promise<LintsView | Problem>;
  /** Problems: `no-inventory`, `unknown-inventory`, `unknown-authority`, `unknown-device`. */
  blastRadius(query: Query): Promise<BlastRadiusView | Problem>;
  list(): Promise<InventoryList>;
  /** Problems: `unknown-inventory`. */
  get(inventoryId: string): Promise<InventoryView | Problem>;
}

const LISTED = 20;

export function createReadInventory({ clock, inventories }: ReadInventoryDeps): ReadInventory {
  return {
    async expiring(given) {
      const query = read(ExpiringQuery, given);
      if (isProblem(query)) return query;
      const asked = await askedInventory(inventories, query);
      if (isProblem(asked)) return asked;
      const before =
        (query.before === undefined ? undefined : parseInstant(query.before)) ?? addMs(clock.now(), EXPIRING_WITHIN_MS);
      const counts = { root: 0, intermediate: 0, leaf: 0 };
      const window = new SortedWindow<Expiry>(asked, soonestFirst);
      const tell = (found: readonly Expiry[]): void => {
        for (const expiry of found) {
          if (query.level !== undefined && query.level !== expiry.level) continue;
          counts[expiry.level] += 1;
          window.push(expiry);
        }
      };
      tell(expiringTrust(graphOf(await inventories.getTrust(asked.summary.inventoryId)), before));
      if (query.level === undefined || query.level === "leaf")
        for await (const device of everyDevice(inventories, asked.summary)) tell(expiringLeaves(device, before));
      const { items, more } = window.page();
      return {
        ...fromInventory(asked, more),
        before: formatInstant(before),
        counts,
        leavesOfUnknownEnd: asked.summary.counts.leavesOfUnknownEnd,
        certificates: items.map((expiry) => ({ ...expiry, notAfter: formatInstant(expiry.notAfter) })),
      };
    },

    async lints(given) {
      const query = read(LintsQuery, given);
      if (isProblem(query)) return query;
      const asked = await askedInventory(inventories, query);
      if (isProblem(asked)) return asked;
      const window = new Window<Finding>(asked);
      for await (const finding of inventories.readFindings(asked.summary.inventoryId)) {
        if (query.lint !== undefined && query.lint !== finding.code) continue;
        if (query.severity !== undefined && query.severity !== finding.severity) continue;
        window.push(finding);
      }
      const { findings: counts } = asked.summary.counts;
      return { ...fromInventory(asked, window.more), counts, findings: window.items };
    },

    async blastRadius(given) {
      const query = read(BlastRadiusQuery, given);
      if (isProblem(query)) return query;
      const asked = await askedInventory(inventories, query);
      return isProblem(asked) ? asked : findBlastRadius(inventories, asked, query);
    },

    async list() {
      return { inventories: (await inventories.list(LISTED)).map(toView) };
    },

    async get(text) {
      const inventoryId = InventoryId.safeParse(text);
      const entry = inventoryId.success ? await inventories.get(inventoryId.data) : undefined;
      return entry === undefined
        ? problem(404, "unknown-inventory", "there is no inventory with this id; GET /api/inventory lists them")
        : toView(entry);
    },
  };
}

function read<T extends z.ZodType>(schema: T, query: Query): z.output<T> | Problem {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  return problem(400, "invalid-query", "the query is not as documented; see the issues", issues);
}

function soonestFirst(a: Expiry, b: Expiry): number {
  return a.notAfter - b.notAfter || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function toView(entry: InventoryEntry): InventoryView {
  if (entry.state === "begun") {
    const { state, inventoryId, startedAt } = entry;
    return { inventoryId, state, startedAt: formatInstant(startedAt) };
  }
  const { inventoryId, startedAt, finishedAt, counts, unreadable } = entry.summary;
  return {
    inventoryId,
    state: entry.state,
    startedAt: formatInstant(startedAt),
    finishedAt: formatInstant(finishedAt),
    counts,
    unreadableAuthorities: unreadable,
  };
}
