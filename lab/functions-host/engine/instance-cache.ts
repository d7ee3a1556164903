import type { HistoryEvent } from "./history";
import { type Instance, parseEvents } from "./rows";
import type { Store } from "./store";

/** An instance in memory between two turns. */
export interface CachedInstance {
  instance: Instance;
  /** Events of earlier turns, all played. */
  events: HistoryEvent[];
  /** The same events as the JSON the worker gets, joined by commas. */
  text: string;
}

/** Longest history text kept in memory over all instances, in characters. */
const budget = 32 * 1024 * 1024;

/** Parsed histories of the instances that had a turn lately: reading them anew each turn costs more than the turn. */
export class InstanceCache {
  private readonly entries = new Map<string, CachedInstance>();
  private size = 0;

  constructor(private readonly store: Store) {}

  /** The instance with its history, from memory or from the store; undefined when there is none. */
  load(instanceId: string): CachedInstance | undefined {
    const known = this.entries.get(instanceId);
    if (known !== undefined) return known;
    const instance = this.store.instance(instanceId);
    if (instance === undefined) return undefined;
    const text = this.store.historyText(instanceId);
    return { instance, events: parseEvents(text), text };
  }

  keep(instanceId: string, entry: CachedInstance): void {
    this.forget(instanceId);
    this.entries.set(instanceId, entry);
    this.size += entry.text.length;
    for (const [oldest, { text }] of this.entries) {
      if (this.size <= budget || oldest === instanceId) break;
      this.size -= text.length;
      this.entries.delete(oldest);
    }
  }

  /** Must be called whenever an instance changes outside of a turn. */
  forget(instanceId: string): void {
    const known = this.entries.get(instanceId);
    if (known === undefined) return;
    this.size -= known.text.length;
    this.entries.delete(instanceId);
  }
}
