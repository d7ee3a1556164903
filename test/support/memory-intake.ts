import { AlertRecord } from "../../shared/domain/alert/log";
import { DEFAULT_POLICIES, PolicyVersion } from "../../shared/domain/policy/policies";
import type { AlertLog } from "../../shared/ports/alert-log";
import type { PolicyStore } from "../../shared/ports/policies";

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
