import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { formatKey } from "../../shared/adapters/store/keys";
import { DeviceFacts, factPartition, mergeFacts } from "../../shared/domain/device-facts";
import type { DeviceId, RegistrationId, RollId } from "../../shared/domain/ids";
import { addMs } from "../../shared/domain/instant";
import type { Instant } from "../../shared/domain/instant";
import { BATCH_SIZE, BatchHeader, JournalEntry } from "../../shared/domain/roll/batch";
import { BatchSummary } from "../../shared/domain/roll/batch-summary";
import { DeviceRow } from "../../shared/domain/roll/device-row";
import { RollRequest } from "../../shared/domain/roll/request";
import type { RollTarget } from "../../shared/domain/roll/request";
import { Roll } from "../../shared/domain/roll/roll";
import { RollError } from "../../shared/domain/roll-error";
import type { Clock } from "../../shared/ports/clock";
import type {
  BatchStore,
  CheckedOutBatch,
  CheckOut,
  ClaimStore,
  FactList,
  FactStore,
  PoisonEvent,
  PoisonStore,
  Document,
  LinePage,
  RollBlobs,
  RollStore,
  StartClaim,
} from "../../shared/ports/stores";

// The stores of the product without a storage account, for tests of what uses them. They pass the same contract suites as
// the real ones (test/contract/store). Every value is copied on its way in and out, through JSON and its schema: what a
// table would lose is lost here, and no test can change a stored row by holding on to it.

function copy<T>(schema: z.ZodType<T>, value: T): T {
  const parsed = schema.safeParse(JSON.parse(JSON.stringify(value)));
  if (parsed.success) return parsed.data;
  throw new RollError("store-corrupt", `is not written: ${parsed.error.message}`, false);
}

function missing(what: string): RollError {
  return new RollError("store-corrupt", `${what} does not exist`, false);
}

/** Sorts as tables sort keys: by code units. */
function byText<T>(textOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (textOf(a) < textOf(b) ? -1 : textOf(a) > textOf(b) ? 1 : 0);
}

/** Gives other work a chance to come between, as a call over the network does. */
const networkPause = (): Promise<void> => Promise.resolve();

export class MemoryClaimStore implements ClaimStore {
  private readonly starts = new Map<string, StartClaim>();

  async claimStart(claim: StartClaim): ReturnType<ClaimStore["claimStart"]> {
    await networkPause();
    const first = this.starts.get(claim.key);
    if (first !== undefined) return { outcome: "exists", claim: { ...first } };
    this.starts.set(claim.key, { ...claim });
    return { outcome: "claimed" };
  }

  async findStart(key: string): Promise<StartClaim | undefined> {
    await networkPause();
    const claim = this.starts.get(key);
    return claim === undefined ? undefined : { ...claim };
  }
}

export class MemoryRollStore implements RollStore {
  private readonly rolls = new Map<RollId, { roll: Roll; version: number }>();
  private readonly openRolls = new Map<RollId, Instant>();
  private readonly summaries = new Map<RollId, Map<number, BatchSummary>>();

  async open(rollId: RollId, at: Instant): Promise<void> {
    await networkPause();
    if (!this.openRolls.has(rollId)) this.openRolls.set(rollId, at);
  }

  async listOpen(): ReturnType<RollStore["listOpen"]> {
    await networkPause();
    return [...this.openRolls].map(([rollId, since]) => ({ rollId, since })).sort(byText(({ rollId }) => rollId));
  }

  async close(rollId: RollId): Promise<void> {
    await networkPause();
    this.openRolls.delete(rollId);
  }

  async create(roll: Roll): Promise<boolean> {
    await networkPause();
    if (this.rolls.has(roll.rollId)) return false;
    this.rolls.set(roll.rollId, { roll: copy(Roll, roll), version: 0 });
    return true;
  }

  async get(rollId: RollId): Promise<Roll | undefined> {
    await networkPause();
    const stored = this.rolls.get(rollId);
    return stored === undefined ? undefined : copy(Roll, stored.roll);
  }

  async update(rollId: RollId, change: (roll: Roll) => Roll): Promise<Roll> {
    for (;;) {
      const read = this.rolls.get(rollId);
      if (read === undefined) throw missing(`roll ${rollId}`);
      const changed = copy(Roll, change(copy(Roll, read.roll)));
      await networkPause();
      if (this.rolls.get(rollId) !== read) continue;
      this.rolls.set(rollId, { roll: changed, version: read.version + 1 });
      return copy(Roll, changed);
    }
  }

  async list(page: { readonly limit: number; readonly after?: RollId }): Promise<readonly Roll[]> {
    await networkPause();
    const after = page.after === undefined ? "" : newestFirst(page.after);
    return [...this.rolls.values()]
      .map(({ roll }) => copy(Roll, roll))
      .sort(byText(({ rollId }) => newestFirst(rollId)))
      .filter(({ rollId }) => newestFirst(rollId) > after)
      .slice(0, page.limit);
  }

  async putSummary(rollId: RollId, summary: BatchSummary): Promise<void> {
    await networkPause();
    const batches = this.summaries.get(rollId) ?? new Map<number, BatchSummary>();
    this.summaries.set(rollId, batches.set(summary.batch, copy(BatchSummary, summary)));
  }

  async readSummaries(rollId: RollId, { from, to } = { from: 0, to: Infinity }): Promise<readonly BatchSummary[]> {
    await networkPause();
    const batches = [...(this.summaries.get(rollId) ?? [])].sort(([a], [b]) => a - b);
    return batches.filter(([batch]) => batch >= from && batch < to).map(([, one]) => copy(BatchSummary, one));
  }
}

/** Later times sort first; within the same millisecond by the roll id. */
function newestFirst(rollId: RollId): string {
  const [time = ""] = rollId.split("-");
  const inverted = Array.from(time, (char) => (/\d/.test(char) ? String(9 - Number(char)) : char)).join("");
  return `${inverted}|${rollId}`;
}

interface StoredBatch {
  header: BatchHeader;
  readonly rows: Map<RegistrationId, DeviceRow>;
  readonly journal: JournalEntry[];
  /** Moves with every write; knowing it is the right to write. */
  version: number;
}

export class MemoryBatchStore implements BatchStore {
  private readonly batches = new Map<string, StoredBatch>();

  constructor(
    private readonly clock: Clock,
    private readonly leaseMs: number,
  ) {}

  async create(rollId: RollId, batch: number, rows: readonly DeviceRow[]): Promise<boolean> {
    await networkPause();
    const stored = new Map(rows.map((row) => [row.registrationId, copy(DeviceRow, row)]));
    if (rows.length > BATCH_SIZE || stored.size < rows.length) {
      throw new RangeError(`a batch holds at most ${BATCH_SIZE} devices, each once`);
    }
    if (this.batches.has(keyOf(rollId, batch))) return false;
    const header = { rollId, batch, journalLength: 0 };
    this.batches.set(keyOf(rollId, batch), { header, rows: stored, journal: [], version: 0 });
    return true;
  }

  async find(rollId: RollId, batch: number): ReturnType<BatchStore["find"]> {
    await networkPause();
    const stored = this.batches.get(keyOf(rollId, batch));
    return stored === undefined ? undefined : snapshot(stored).rows;
  }

  async read(rollId: RollId, batch: number): ReturnType<BatchStore["read"]> {
    await networkPause();
    return snapshot(this.stored(rollId, batch));
  }

  async checkOut(rollId: RollId, batch: number, token: string): Promise<CheckOut> {
    await networkPause();
    const stored = this.stored(rollId, batch);
    const lease = stored.header.lease;
    if (lease !== undefined && lease.token !== token && lease.until > this.clock.now()) {
      return { outcome: "busy", until: lease.until };
    }
    return { outcome: "checked-out", batch: this.hand(stored, token) };
  }

  async readJournal(rollId: RollId, batch: number): Promise<readonly JournalEntry[]> {
    await networkPause();
    const journal = this.batches.get(keyOf(rollId, batch))?.journal ?? [];
    return journal.map((entry) => copy(JournalEntry, entry));
  }

  private hand(stored: StoredBatch, token: string): CheckedOutBatch {
    const { rows } = snapshot(stored);
    const ids = new Set(rows.map((row) => row.registrationId));
    let { version, header: seen } = stored;
    const write = async (
      lease: BatchHeader["lease"],
      entry: JournalEntry | undefined,
      changed: readonly DeviceRow[],
    ): Promise<void> => {
      const stranger = changed.find((row) => !ids.has(row.registrationId));
      if (stranger !== undefined) throw new RangeError(`${stranger.registrationId} is not in this batch`);
      const entries = entry === undefined ? [] : [copy(JournalEntry, entry)];
      const copies = changed.map((row) => copy(DeviceRow, row));
      await networkPause();
      if (stored.version !== version) throw new RollError("lease-lost", "another step has written the batch", true);
      version += 1;
      stored.version = version;
      stored.journal.push(...entries);
      for (const row of copies) stored.rows.set(row.registrationId, row);
      const { lease: _given, ...header } = stored.header;
      const journalLength = stored.journal.length;
      stored.header = lease === undefined ? { ...header, journalLength } : { ...header, journalLength, lease };
      seen = stored.header;
    };
    return {
      rows,
      intend: (entry, changed = []) => write({ token, until: addMs(this.clock.now(), this.leaseMs) }, entry, changed),
      settle: async (entry, changed) => {
        const idle = entry === undefined && changed.length === 0 && seen.lease === undefined;
        if (!idle) await write(undefined, entry, changed);
      },
    };
  }

  private stored(rollId: RollId, batch: number): StoredBatch {
    const stored = this.batches.get(keyOf(rollId, batch));
    if (stored === undefined) throw missing(`batch ${keyOf(rollId, batch)}`);
    return stored;
  }
}

function keyOf(rollId: RollId, batch: number): string {
  return `${rollId}|${batch}`;
}

function snapshot(stored: StoredBatch): { readonly header: BatchHeader; readonly rows: readonly DeviceRow[] } {
  const rows = [...stored.rows.values()].map((row) => copy(DeviceRow, row));
  return { header: copy(BatchHeader, stored.header), rows: rows.sort(byText((row) => row.registrationId)) };
}

export class MemoryRollBlobs implements RollBlobs {
  private readonly requests = new Map<RollId, RollRequest>();
  private readonly targets = new Map<string, readonly RollTarget[]>();
  private readonly documents = new Map<string, unknown>();
  /** What an operator has uploaded, by name. */
  readonly lists = new Map<string, readonly string[]>();
  linesPerPage = 5_000;

  async putRequest(rollId: RollId, request: RollRequest): Promise<void> {
    await networkPause();
    const content = copy(RollRequest, request);
    if (!this.requests.has(rollId)) this.requests.set(rollId, content);
  }

  async getRequest(rollId: RollId): Promise<RollRequest> {
    await networkPause();
    const request = this.requests.get(rollId);
    if (request === undefined) throw missing(`request of ${rollId}`);
    return copy(RollRequest, request);
  }

  async putTargets(rollId: RollId, batch: number, targets: readonly RollTarget[]): Promise<void> {
    await networkPause();
    const content = copy(Targets, [...targets]);
    if (!this.targets.has(keyOf(rollId, batch))) this.targets.set(keyOf(rollId, batch), content);
  }

  async getTargets(rollId: RollId, batch: number): Promise<readonly RollTarget[]> {
    await networkPause();
    const targets = this.targets.get(keyOf(rollId, batch));
    if (targets === undefined) throw missing(`targets of ${keyOf(rollId, batch)}`);
    return copy(Targets, [...targets]);
  }

  async putDocument<T>(rollId: RollId, { name, schema }: Document<T>, value: T): Promise<void> {
    await networkPause();
    const content = copy(schema, value);
    const key = `${rollId}|${name}`;
    if (!this.documents.has(key)) this.documents.set(key, content);
  }

  async findDocument<T>(rollId: RollId, { name, schema }: Document<T>): Promise<T | undefined> {
    await networkPause();
    const key = `${rollId}|${name}`;
    return this.documents.has(key) ? copy(schema, this.documents.get(key) as T) : undefined;
  }

  async readLines(blob: string, cursor: string | undefined): Promise<LinePage | undefined> {
    await networkPause();
    const all = this.lists.get(blob);
    if (all === undefined) return undefined;
    const from = Number(cursor ?? 0);
    const lines = all.slice(from, from + this.linesPerPage);
    const end = from + lines.length;
    return { lines, firstLine: from + 1, ...(end < all.length ? { next: String(end) } : {}) };
  }
}

const Targets = z.array(RollRequest.shape.targets.element);

export class MemoryFactStore implements FactStore, FactList {
  private readonly facts = new Map<DeviceId, DeviceFacts>();

  /** How many rows were written: facts that say nothing new are not. */
  writes = 0;

  async merge(heard: readonly DeviceFacts[]): Promise<ReadonlyMap<DeviceId, DeviceFacts>> {
    await networkPause();
    const before = new Map(
      heard.flatMap(({ deviceId }) => {
        const stored = this.facts.get(deviceId);
        return stored === undefined ? [] : [[deviceId, stored] as const];
      }),
    );
    for (const news of heard) {
      const stored = this.facts.get(news.deviceId);
      const merged = copy(DeviceFacts, mergeFacts(stored, news));
      if (isDeepStrictEqual(merged, stored)) continue;
      this.facts.set(news.deviceId, merged);
      this.writes += 1;
    }
    return before;
  }

  async page(
    partition: number,
    { limit, after = "" }: Parameters<FactList["page"]>[1],
  ): Promise<readonly DeviceFacts[]> {
    await networkPause();
    const all = [...this.facts.values()].filter(({ deviceId }) => factPartition(deviceId) === partition);
    const sorted = all.sort((a, b) => (formatKey(a.deviceId) < formatKey(b.deviceId) ? -1 : 1));
    return sorted.filter(({ deviceId }) => after === "" || formatKey(deviceId) > formatKey(after)).slice(0, limit);
  }

  async read(deviceIds: readonly DeviceId[]): Promise<ReadonlyMap<DeviceId, DeviceFacts>> {
    await networkPause();
    const known = deviceIds.flatMap((id) => this.facts.get(id) ?? []);
    return new Map(known.map((facts) => [facts.deviceId, copy(DeviceFacts, facts)]));
  }
}

export class MemoryPoisonStore implements PoisonStore {
  private readonly byPosition = new Map<string, PoisonEvent>();

  /** What is kept, one event per position. */
  get events(): readonly PoisonEvent[] {
    return [...this.byPosition.values()].map((event) => ({ ...event }));
  }

  async put(events: readonly PoisonEvent[]): Promise<void> {
    await networkPause();
    for (const event of events) {
      const { hub, partition, sequenceNumber, offset } = event;
      this.byPosition.set(JSON.stringify([hub, partition, sequenceNumber, offset]), { ...event });
    }
  }
}
