import { AlertRecord } from "../../shared/domain/alert/log";
import { Proposal } from "../../shared/domain/expiry/proposal";
import { DEFAULT_POLICIES, PolicyVersion } from "../../shared/domain/policy/policies";
import type { Instant } from "../../shared/domain/instant";
import { addEvents, NO_EVENTS, SourceCounts, type EventCounts } from "../../shared/domain/source-counts";
import type { SourceCounters } from "../../shared/ports/source-counters";
import type { AlertLog } from "../../shared/ports/alert-log";
import type { PolicyStore } from "../../shared/ports/policies";
import type { ProposalStore } from "../../shared/ports/proposals";

/** The alert log without a storage account; passes the same contract suite as the real one. */
export class MemoryAlertLog implements AlertLog {
  readonly records: AlertRecord[] = [];

  async note(record: AlertRecord): Promise<void> {
    await Promise.resolve();
    this.records.unshift(AlertRecord.parse(record));
    this.records.sort((a, b) => b.at - a.at);
  }

  async list({ limit, after = "0" }: Parameters<AlertLog["list"]>[0]): ReturnType<AlertLog["list"]> {
    await Promise.resolve();
    const from = Number(after);
    const records = this.records.slice(from, from + limit);
    return { records, ...(this.records.length > from + limit ? { next: String(from + limit) } : {}) };
  }
}

/** Policies without a storage account; passes the same contract suite as the real ones. */
export class MemoryPolicyStore implements PolicyStore {
  private readonly versions: PolicyVersion[] = [];

  async current(): Promise<PolicyVersion> {
    return (await this.history())[0] ?? DEFAULT_POLICIES;
  }

  async set(next: PolicyVersion): Promise<boolean> {
    await Promise.resolve();
    if (this.versions.some(({ version }) => version === next.version)) return false;
    this.versions.push(PolicyVersion.parse(next));
    return true;
  }

  async history(): Promise<readonly PolicyVersion[]> {
    await Promise.resolve();
    return [...this.versions].sort((a, b) => b.version - a.version);
  }
}

/** Proposals without a storage account; pass the same contract suite as the real ones. */
export class MemoryProposalStore implements ProposalStore {
  private readonly rows = new Map<string, Proposal>();

  async note(proposals: readonly Proposal[]): Promise<readonly Proposal[]> {
    await Promise.resolve();
    const fresh = proposals.filter(({ key }) => !this.rows.has(key));
    for (const proposal of fresh) this.rows.set(proposal.key, Proposal.parse(proposal));
    return fresh;
  }

  async list({ limit, after = "" }: Parameters<ProposalStore["list"]>[0]): Promise<readonly Proposal[]> {
    await Promise.resolve();
    const all = [...this.rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return all.filter(({ key }) => key > after).slice(0, limit);
  }

  get(key: string): Promise<Proposal | undefined> {
    return Promise.resolve(this.rows.get(key));
  }

  async listStarting(): Promise<readonly Proposal[]> {
    return (await this.list({ limit: Infinity })).filter(({ state }) => state === "starting");
  }

  async update(keys: readonly string[], change: (stored: Proposal) => Proposal | undefined): Promise<void> {
    await Promise.resolve();
    for (const key of keys) {
      const stored = this.rows.get(key);
      const changed = stored === undefined ? undefined : change(stored);
      if (changed !== undefined) this.rows.set(key, Proposal.parse(changed));
    }
  }
}

/** Sums per source without a storage account; pass the same contract suite as the real ones. */
export class MemorySourceCounters implements SourceCounters {
  private readonly sources = new Map<string, SourceCounts>();

  async add(source: string, counts: EventCounts, at: Instant): Promise<void> {
    await Promise.resolve();
    const known = this.sources.get(source);
    const sum = addEvents(known ?? NO_EVENTS, counts);
    this.sources.set(source, SourceCounts.parse({ source, since: known?.since ?? at, until: at, ...sum }));
  }

  async list(): Promise<readonly SourceCounts[]> {
    await Promise.resolve();
    return [...this.sources.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
  }
}
