import type { RollId } from "../../shared/domain/ids";
import type { EvidenceStore } from "../../shared/ports/evidence";

/** Pages of reports in memory; passes the same contract suite as the real store. */
export class MemoryEvidenceStore implements EvidenceStore {
  private readonly pages = new Map<string, readonly string[]>();

  putPage(rollId: RollId, page: number, lines: readonly string[]): Promise<readonly string[]> {
    const key = `${rollId}|${page}`;
    const stands = this.pages.get(key) ?? [...lines];
    this.pages.set(key, stands);
    return Promise.resolve([...stands]);
  }

  readPage(rollId: RollId, page: number): Promise<readonly string[] | undefined> {
    return Promise.resolve(this.pages.get(`${rollId}|${page}`));
  }
}
