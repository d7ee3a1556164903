import type { z } from "zod";
import type { DeviceFacts } from "../domain/device-facts";
import type { DeviceId, RollId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { BatchHeader, JournalEntry } from "../domain/roll/batch";
import type { BatchSummary } from "../domain/roll/batch-summary";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import type { Roll } from "../domain/roll/roll";

/**
 * Claims of starts: insert-only rows that make "only once" true across processes. Throws `RollError` (`service-unavailable`) when
 * the storage does not answer.
 */
export interface ClaimStore {
  /** Claims a start. `key` = SHA-256 of `source|id`. The first claim wins for ever. */
  claimStart(
    claim: StartClaim,
  ): Promise<{ readonly outcome: "claimed" } | { readonly outcome: "exists"; readonly claim: StartClaim }>;
  findStart(key: string): Promise<StartClaim | undefined>;
}

export interface StartClaim {
  readonly key: string;
  readonly rollId: RollId;
  /** SHA-256 of the body: the same id with another body is not a repetition. */
  readonly bodySha256: string;
  readonly at: Instant;
}

/** Roll headers, the list of open rolls and the batches' summaries. */
export interface RollStore {
  /** Notes the roll as open before anything else happens, so that a crash leaves a trace for the sweeper. */
  open(rollId: RollId, at: Instant): Promise<void>;
  /** Open rolls, oldest first. */
  listOpen(): Promise<readonly { readonly rollId: RollId; readonly since: Instant }[]>;
  close(rollId: RollId): Promise<void>;

  /** Writes the header unless one exists; true if this call wrote it. */
  create(roll: Roll): Promise<boolean>;
  get(rollId: RollId): Promise<Roll | undefined>;
  /** Reads, changes, writes guarded by the version; repeats when it lost a race. `change` may run more than once. */
  update(rollId: RollId, change: (roll: Roll) => Roll): Promise<Roll>;
  /** Newest first, at most `limit` (1-100) per page. */
  list(page: { readonly limit: number; readonly after?: RollId }): Promise<readonly Roll[]>;

  /** Replaces what was said of the batch before. */
  putSummary(rollId: RollId, summary: BatchSummary): Promise<void>;
  /** Those of the batches from `from` up to and without `to`, in order; without a range of all. One that was never put is left out. */
  readSummaries(
    rollId: RollId,
    range?: { readonly from: number; readonly to: number },
  ): Promise<readonly BatchSummary[]>;
}

/**
 * A batch: header, device rows, journal. All of a batch lies in one table partition, so that every write is one
 * transaction fenced by the header's version.
 */
export interface BatchStore {
  /** Creates header and rows unless the batch exists; true if this call created it. */
  create(rollId: RollId, batch: number, rows: readonly DeviceRow[]): Promise<boolean>;
  /** The rows as they are; undefined before the batch was created. */
  find(rollId: RollId, batch: number): Promise<readonly DeviceRow[] | undefined>;
  /** Header and rows as they are, without the right to write. */
  read(rollId: RollId, batch: number): Promise<{ readonly header: BatchHeader; readonly rows: readonly DeviceRow[] }>;
  /** Reads the batch for a step that may write; `busy` while another step's lease runs. */
  checkOut(rollId: RollId, batch: number, token: string): Promise<CheckOut>;
  readJournal(rollId: RollId, batch: number): Promise<readonly JournalEntry[]>;
}

export type CheckOut =
  | { readonly outcome: "checked-out"; readonly batch: CheckedOutBatch }
  | { readonly outcome: "busy"; readonly until: Instant };

/** The right to write a batch. Every write throws `RollError` (`lease-lost`) once another step has written. */
export interface CheckedOutBatch {
  readonly rows: readonly DeviceRow[];
  /** Takes the lease and writes the journal row (and `changed` rows) before a step's first external write. */
  intend(entry: JournalEntry, changed?: readonly DeviceRow[]): Promise<void>;
  /** Writes what came of it, and gives the lease back. */
  settle(entry: JournalEntry | undefined, changed: readonly DeviceRow[]): Promise<void>;
}

/** Immutable blobs of a roll. */
export interface RollBlobs {
  putRequest(rollId: RollId, request: RollRequest): Promise<void>;
  getRequest(rollId: RollId): Promise<RollRequest>;
  /** The batch's slice of the target list; the first write stands. */
  putTargets(rollId: RollId, batch: number, targets: readonly RollTarget[]): Promise<void>;
  getTargets(rollId: RollId, batch: number): Promise<readonly RollTarget[]>;
  /** Any other JSON document of the roll, such as `plan` or `parts/000001`; the first write stands. */
  putDocument<T>(rollId: RollId, document: Document<T>, value: T): Promise<void>;
  findDocument<T>(rollId: RollId, document: Document<T>): Promise<T | undefined>;
  /** A page of lines of a text blob that an operator uploaded, at most 5,000. Undefined: there is no such blob. */
  readLines(blob: string, cursor: string | undefined): Promise<LinePage | undefined>;
}

/** A document's name within its roll and its shape. */
export interface Document<T> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
}

export interface LinePage {
  readonly lines: readonly string[];
  /** Number of the first of these lines in the blob, from 1. */
  readonly firstLine: number;
  /** Absent on the last page. */
  readonly next?: string;
}

/** What the event stream says, per device. */
export interface FactStore {
  /**
   * Merges by `mergeFacts`; all of one partition in as few transactions as fit. Answers what was known of each device
   * before; devices that nobody had heard of are left out.
   */
  merge(heard: readonly DeviceFacts[]): Promise<ReadonlyMap<DeviceId, DeviceFacts>>;
  read(deviceIds: readonly DeviceId[]): Promise<ReadonlyMap<DeviceId, DeviceFacts>>;
}

/** Facts for whoever looks for devices instead of asking for them. */
export interface FactList {
  /** Devices of one partition (0 to 15) in the order of their ids, at most `limit` (1-1,000). */
  page(partition: number, page: { readonly limit: number; readonly after?: string }): Promise<readonly DeviceFacts[]>;
}

/** Events that could not be used, kept with their position. */
export interface PoisonStore {
  put(events: readonly PoisonEvent[]): Promise<void>;
}

export interface PoisonEvent {
  readonly hub: string;
  readonly partition: string;
  readonly sequenceNumber: number;
  readonly offset: string;
  readonly at: Instant;
  readonly reason: string;
  readonly deviceId: string | undefined;
  /** Base64 of at most the first 8 KB. */
  readonly bodyBase64: string;
}
