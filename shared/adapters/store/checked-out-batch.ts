import { addMs } from "../../domain/instant";
import type { BatchHeader, JournalEntry } from "../../domain/roll/batch";
import type { DeviceRow } from "../../domain/roll/device-row";
import type { Clock } from "../../ports/clock";
import type { CheckedOutBatch } from "../../ports/stores";
import type { Versioned } from "./row-codec";

/** What a step that checked a batch out may claim for itself. */
export interface LeaseTerms {
  readonly token: string;
  readonly leaseMs: number;
  readonly clock: Clock;
}

/** Writes header, journal entry and rows in one transaction over the version `from`; answers the new version. */
export type WriteBatch = (
  from: Versioned<BatchHeader>,
  to: BatchHeader,
  entry: JournalEntry | undefined,
  changed: readonly DeviceRow[],
) => Promise<Versioned<BatchHeader>>;

/**
 * The right to write a batch, held by knowing the header's version: each write of the batch changes it. The lease keeps
 * others from starting the same external writes; the version keeps those who did not notice from recording them.
 */
export class TableCheckedOutBatch implements CheckedOutBatch {
  private readonly ids: ReadonlySet<string>;

  constructor(
    readonly rows: readonly DeviceRow[],
    private header: Versioned<BatchHeader>,
    private readonly terms: LeaseTerms,
    private readonly write: WriteBatch,
  ) {
    this.ids = new Set(rows.map((row) => row.registrationId));
  }

  async intend(entry: JournalEntry, changed: readonly DeviceRow[] = []): Promise<void> {
    const until = addMs(this.terms.clock.now(), this.terms.leaseMs);
    await this.advance({ token: this.terms.token, until }, entry, changed);
  }

  async settle(entry: JournalEntry | undefined, changed: readonly DeviceRow[]): Promise<void> {
    const nothingToWrite = entry === undefined && changed.length === 0 && this.header.value.lease === undefined;
    if (!nothingToWrite) await this.advance(undefined, entry, changed);
  }

  private async advance(
    lease: BatchHeader["lease"],
    entry: JournalEntry | undefined,
    changed: readonly DeviceRow[],
  ): Promise<void> {
    const stranger = changed.find((row) => !this.ids.has(row.registrationId));
    if (stranger !== undefined) throw new RangeError(`${stranger.registrationId} is not in this batch`);
    const { rollId, batch, journalLength } = this.header.value;
    const to = { rollId, batch, lease, journalLength: journalLength + (entry === undefined ? 0 : 1) };
    this.header = await this.write(this.header, to, entry, changed);
  }
}
