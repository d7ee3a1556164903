import type { TableClient } from "@azure/data-tables";
import { z } from "zod";
import { factPartition } from "../../domain/device-facts";
import { DeviceId, type RollId } from "../../domain/ids";
import {
  Claim,
  LostClaim,
  takerFrom,
  takesOver,
  withLoss,
  type ClaimKind,
  type ClaimScope,
} from "../../domain/roll/claim";
import type { ClaimAnswer, TargetClaims } from "../../ports/target-claims";
import { GuardedRows } from "./guarded-rows";
import { inParallel } from "./in-parallel";
import { formatKey, keysByPartition } from "./keys";
import { RowCodec } from "./row-codec";
import { getRow } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITIONS_AT_ONCE = 16;

/** A target's row outlives the roll: `holder` is absent while nobody has it. */
const Stored = z.object({
  holder: Claim.optional(),
  takenFrom: Claim.optional(),
  lost: z.array(LostClaim).optional(),
});
type Stored = z.infer<typeof Stored>;
const Takeovers = z.object({ count: z.int().nonnegative() });
type Takeovers = z.infer<typeof Takeovers>;

/**
 * Claims on targets in Azure Tables. Table `claims`: a row per device (`device|00` … `device|15` by facts partition, so that
 * a batch's devices lie together), group and CA (`group`, `ca`), and a row per roll that was taken over (`takeovers`).
 *
 * Storage operations: `claim` 2 per partition touched and 100 targets, 1 where nothing changes, and 2 per roll taken from;
 * `holders` and `takers` 1 per partition touched; `takeovers` 1; `release` as `claim`.
 */
export class TableTargetClaims implements TargetClaims {
  private readonly rows: GuardedRows<Stored>;
  private readonly counters: GuardedRows<Takeovers>;
  private readonly counterCodec = new RowCodec<Takeovers>("claims", Takeovers);

  constructor(private readonly clients: StoreClients) {
    this.rows = new GuardedRows(() => this.table(), new RowCodec("claims", Stored));
    this.counters = new GuardedRows(() => this.table(), this.counterCodec);
  }

  async claim(
    claimant: Omit<Claim, "scope">,
    kind: ClaimKind,
    targets: readonly { readonly id: string; readonly scope?: ClaimScope }[],
  ): Promise<ClaimAnswer> {
    const held = new Map<string, Claim>();
    const superseded = new Map<string, Claim>();
    const scopes = new Map(targets.map(({ id, scope }) => [id, scope]));
    await this.change(kind, [...scopes.keys()].sort(), (id, stored) => {
      const scope = scopes.get(id);
      const mine: Claim = { ...claimant, ...(scope === undefined ? {} : { scope }) };
      const holder = stored?.holder;
      held.delete(id);
      superseded.delete(id);
      if (holder === undefined) return { ...remembered(stored), holder: mine };
      if (holder.rollId === mine.rollId) {
        if (stored?.takenFrom !== undefined) superseded.set(id, stored.takenFrom);
        return undefined;
      }
      // Who has lost it does not take it back by asking again: of two breaches each may name what the other does not.
      if (!takesOver(mine, holder) || takerFrom(stored?.lost, mine.rollId) !== undefined) {
        held.set(id, holder);
        return undefined;
      }
      superseded.set(id, holder);
      const lost = withLoss(stored?.lost, { from: holder.rollId, to: mine.rollId });
      return { holder: mine, takenFrom: holder, lost };
    });
    // After the claims and before this answers: from the first write of the new roll on, the old one's next write is fenced.
    for (const rollId of new Set([...superseded.values()].map((claim) => claim.rollId)))
      await this.counters.merge("takeovers", [rollId], (_key, stored) => ({ count: (stored?.count ?? 0) + 1 }));
    return { held, superseded };
  }

  async holders(kind: ClaimKind, ids: readonly string[]): Promise<ReadonlyMap<string, Claim>> {
    return this.read(kind, ids, ({ holder }) => holder);
  }

  async takers(rollId: RollId, kind: ClaimKind, ids: readonly string[]): Promise<ReadonlyMap<string, RollId>> {
    return this.read(kind, ids, ({ lost }) => takerFrom(lost, rollId));
  }

  async takeovers(rollId: RollId): Promise<number> {
    const row = await getRow(await this.table(), "takeovers", formatKey(rollId));
    return row === undefined ? 0 : this.counterCodec.decode(row).value.count;
  }

  async release(rollId: RollId, kind: ClaimKind, ids: readonly string[]): Promise<void> {
    await this.change(kind, ids, (_id, stored) => (stored?.holder?.rollId === rollId ? remembered(stored) : undefined));
  }

  /** What the rows of these targets say; those that say nothing are left out. */
  private async read<T>(
    kind: ClaimKind,
    ids: readonly string[],
    ask: (stored: Stored) => T | undefined,
  ): Promise<ReadonlyMap<string, T>> {
    const answers = new Map<string, T>();
    await inParallel(keysByPartition(ids, partitionOf(kind)), PARTITIONS_AT_ONCE, async ([partitionKey, idOf]) => {
      for (const [rowKey, { value }] of await this.rows.read(partitionKey, [...idOf.keys()])) {
        const id = idOf.get(rowKey);
        const answer = ask(value);
        if (id !== undefined && answer !== undefined) answers.set(id, answer);
      }
    });
    return answers;
  }

  private async change(
    kind: ClaimKind,
    ids: readonly string[],
    decide: (id: string, stored: Stored | undefined) => Stored | undefined,
  ): Promise<void> {
    await inParallel(keysByPartition(ids, partitionOf(kind)), PARTITIONS_AT_ONCE, ([partitionKey, idOf]) =>
      this.rows.merge(partitionKey, [...idOf.keys()], (rowKey, stored) => {
        const id = idOf.get(rowKey);
        return id === undefined ? undefined : decide(id, stored);
      }),
    );
  }

  private table(): Promise<TableClient> {
    return this.clients.table("claims");
  }
}

/** What outlives a claim. */
function remembered(stored: Stored | undefined): Stored {
  return stored?.lost === undefined ? {} : { lost: stored.lost };
}

function partitionOf(kind: ClaimKind): (id: string) => string {
  if (kind !== "device") return () => kind;
  return (id) => `device|${String(factPartition(DeviceId.parse(id))).padStart(2, "0")}`;
}
