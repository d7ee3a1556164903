import type { RegistrationId, RollId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import { JOURNAL_LINES, type JournalEntry, type JournalLine } from "../domain/roll/batch";
import { summarize } from "../domain/roll/batch-summary";
import type { DeviceRow } from "../domain/roll/device-row";
import { givenUpTo } from "../domain/roll/new-row";
import { isBreach } from "../domain/roll/playbook";
import { RollError } from "../domain/roll-error";
import type { Clock } from "../ports/clock";
import type { BatchStore, CheckedOutBatch, RollStore } from "../ports/stores";
import type { TargetClaims } from "../ports/target-claims";

export interface BatchWorkDeps {
  readonly clock: Clock;
  readonly batches: BatchStore;
  readonly rolls: RollStore;
  readonly targetClaims: Pick<TargetClaims, "takeovers" | "takers" | "holders">;
}

/**
 * A batch while one step works on it: the rows by registration id, changed in memory, written with the journal.
 * `intend` before external writes, `settle` once at the end.
 */
export class BatchWork {
  private readonly current: Map<RegistrationId, DeviceRow>;
  private readonly changed = new Set<RegistrationId>();
  private intended = false;

  private constructor(
    private readonly deps: BatchWorkDeps,
    private readonly step: string,
    private readonly at: { readonly rollId: RollId; readonly batch: number },
    private readonly batch: CheckedOutBatch,
  ) {
    this.current = new Map(batch.rows.map((row) => [row.registrationId, row]));
  }

  /**
   * Checks the batch out; throws `batch-busy` (retryable) while another step holds it. A step's lease is its own in every
   * run, so that one that was killed does not lock out its repetition; two runs at once are kept apart by the header's
   * version. Devices that another roll has taken are shown as given up.
   */
  static async open(
    deps: BatchWorkDeps,
    step: string,
    at: { readonly rollId: RollId; readonly batch: number },
  ): Promise<BatchWork> {
    const out = await deps.batches.checkOut(at.rollId, at.batch, step);
    if (out.outcome === "checked-out") {
      const work = new BatchWork(deps, step, at, out.batch);
      for (const row of await work.takenByOthers()) work.set(row);
      return work;
    }
    const retryAfterMs = Math.max(0, out.until - deps.clock.now());
    throw new RollError("batch-busy", `batch ${at.batch} of ${at.rollId} is leased`, true, { retryAfterMs });
  }

  get rows(): readonly DeviceRow[] {
    return [...this.current.values()];
  }

  /** The row as it is now, with what this step changed. */
  row(registrationId: RegistrationId): DeviceRow {
    const row = this.current.get(registrationId);
    if (row === undefined) throw new Error(`no row for ${registrationId}`);
    return row;
  }

  set(row: DeviceRow): void {
    this.current.set(row.registrationId, row);
    this.changed.add(row.registrationId);
  }

  /**
   * Journals what is about to be written elsewhere, together with the rows changed so far; call it between the reads that the
   * writes are guarded by and the writes.
   *
   * A roll that takes a device over claims it, then reads this batch, then the services: so either this sees the claim, or
   * the other roll sees what is noted here, and its write meets ours. Throws `superseded-midway` (retryable) where devices were
   * taken: nothing is written, and the next run leaves them alone.
   */
  async intend(lines: readonly JournalLine[]): Promise<void> {
    if (lines.length === 0) return;
    for (const entry of this.entries("intent", lines)) await this.batch.intend(entry, this.takeChanged());
    this.intended = true;
    const lost = await this.takenByOthers();
    if (lost.length === 0) return;
    for (const row of lost) this.set(row);
    await this.settle(
      lost.map(({ registrationId, skipped = "" }) => ({
        registrationId,
        target: "all",
        action: "give-up",
        result: skipped,
      })),
    );
    const { rollId, batch } = this.at;
    throw new RollError("superseded-midway", `${lost.length} devices of batch ${batch} of ${rollId} were taken`, true);
  }

  /** Journals the outcome, writes the changed rows and gives the lease back; then refreshes the batch's summary. */
  async settle(lines: readonly JournalLine[]): Promise<void> {
    const rows = this.takeChanged();
    if (lines.length === 0 && rows.length === 0 && !this.intended) return;
    const entries = this.entries("outcome", lines);
    const last = entries.pop();
    for (const entry of entries) await this.batch.intend(entry);
    await this.batch.settle(last, rows);
    await this.deps.rolls.putSummary(this.at.rollId, summarize(this.at.batch, this.rows));
  }

  private async takenByOthers(): Promise<DeviceRow[]> {
    const { targetClaims } = this.deps;
    if ((await targetClaims.takeovers(this.at.rollId)) === 0) return [];
    const own = this.rows.filter(({ skipped }) => skipped === undefined);
    const ids = own.map(({ registrationId }) => registrationId);
    const takers = await targetClaims.takers(this.at.rollId, "device", ids);
    const groups = await this.groupsOfOthers(own);
    return own.flatMap((row) => {
      const taker = takers.get(row.registrationId) ?? groups.get(row.group ?? "");
      return taker === undefined ? [] : [givenUpTo(row, taker)];
    });
  }

  /**
   * A breach takes an expiry roll's group when it closes it, and the devices some time later: in between they are the
   * breach's already. One breach gives up nothing to another by the group alone: each contains what it lists.
   */
  private async groupsOfOthers(rows: readonly DeviceRow[]): Promise<ReadonlyMap<string, RollId>> {
    const { rolls, targetClaims } = this.deps;
    const groupIds = [...new Set(rows.flatMap(({ group }) => group ?? []))];
    const roll = groupIds.length === 0 ? undefined : await rolls.get(this.at.rollId);
    if (roll === undefined || isBreach(roll.playbook)) return new Map();
    return targetClaims.takers(this.at.rollId, "group", groupIds);
  }

  /** A device has a line per linked hub and per lost race: together they may be more than one journal row holds. */
  private entries(kind: JournalEntry["kind"], lines: readonly JournalLine[]): JournalEntry[] {
    const at: Instant = this.deps.clock.now();
    return Array.from({ length: Math.ceil(lines.length / JOURNAL_LINES) }, (_, n) => ({
      step: this.step,
      kind,
      at,
      entries: lines.slice(n * JOURNAL_LINES, (n + 1) * JOURNAL_LINES),
    }));
  }

  private takeChanged(): DeviceRow[] {
    const rows = [...this.changed].map((id) => this.row(id));
    this.changed.clear();
    return rows;
  }
}
