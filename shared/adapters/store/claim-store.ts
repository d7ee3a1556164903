import { createHash } from "node:crypto";
import type { TableClient } from "@azure/data-tables";
import { z } from "zod";
import type { RegistrationId } from "../../domain/ids";
import { RollId } from "../../domain/ids";
import { Instant } from "../../domain/instant";
import type { Entropy } from "../../ports/clock";
import type { ClaimStore, StartClaim } from "../../ports/stores";
import { GuardedRows } from "./guarded-rows";
import { inParallel } from "./in-parallel";
import { formatKey, keysByPartition } from "./keys";
import { RowCodec } from "./row-codec";
import { attempt, contended } from "./storage-errors";
import { getRow } from "./table-rows";
import type { StoreClients } from "./tables";

/** Partitions that target claims are spread over, so that a large roll does not meet one partition's limit. */
const TARGET_PARTITIONS = 16;

const DELETES_AT_ONCE = 16;

const StoredStartClaim = z.object({ key: z.string(), rollId: RollId, bodySha256: z.string(), at: Instant });
const StoredTargetClaim = z.object({ rollId: RollId });
type StoredTargetClaim = z.infer<typeof StoredTargetClaim>;

/**
 * Claims in Azure Tables. Table `claims`: a row per start (`start|` + the first two characters of the key / key) and a row
 * per claimed registration (`target|00` … `target|15` / registration id).
 *
 * Storage operations: `claimStart` 1, or 2 if it exists; `findStart` 1; `claimTargets` at most 2 per partition touched and
 * 100 registrations; `releaseTargets` at most 1 per partition touched and 1 per claim given up.
 */
export class TableClaimStore implements ClaimStore {
  private readonly starts = new RowCodec<StartClaim>("claims", StoredStartClaim);
  private readonly targets: GuardedRows<StoredTargetClaim>;

  constructor(
    private readonly clients: StoreClients,
    private readonly entropy: Entropy,
  ) {
    this.targets = new GuardedRows(() => this.table(), new RowCodec("claims", StoredTargetClaim));
  }

  async claimStart(
    claim: StartClaim,
  ): Promise<{ readonly outcome: "claimed" } | { readonly outcome: "exists"; readonly claim: StartClaim }> {
    const table = await this.table();
    // The SDK repeats a call whose answer was lost, and then meets the row that it wrote itself. Without this mark the roll
    // would not be started by anybody but the sweeper.
    const writer = this.entropy.randomHex(16);
    const [partitionKey, rowKey] = startKeys(claim.key);
    const entity = this.starts.encode(partitionKey, rowKey, claim, { writer });
    const created = await attempt("claim a start", () => table.createEntity(entity));
    if (created.outcome === "done") return { outcome: "claimed" };
    const row = await getRow(table, partitionKey, rowKey);
    // Start claims are never deleted: what was there a moment ago is there now, or storage contradicts itself.
    if (row === undefined) throw contended("claim a start", 1);
    if (row.columns["writer"] === writer) return { outcome: "claimed" };
    return { outcome: "exists", claim: this.starts.decode(row).value };
  }

  async findStart(key: string): Promise<StartClaim | undefined> {
    const row = await getRow(await this.table(), ...startKeys(key));
    return row === undefined ? undefined : this.starts.decode(row).value;
  }

  async claimTargets(rollId: RollId, targets: readonly RegistrationId[]): Promise<ReadonlyMap<RegistrationId, RollId>> {
    const held = new Map<RegistrationId, RollId>();
    await inParallel(keysByPartition(targets, targetPartition), TARGET_PARTITIONS, async ([partitionKey, idOf]) => {
      await this.targets.merge(partitionKey, [...idOf.keys()], (rowKey, stored) => {
        const id = idOf.get(rowKey);
        if (id === undefined) return undefined;
        if (stored === undefined) {
          held.delete(id);
          return { rollId };
        }
        if (stored.rollId !== rollId) held.set(id, stored.rollId);
        return undefined;
      });
    });
    return held;
  }

  async releaseTargets(rollId: RollId, targets: readonly RegistrationId[]): Promise<void> {
    const table = await this.table();
    await inParallel(keysByPartition(targets, targetPartition), TARGET_PARTITIONS, async ([partitionKey, idOf]) => {
      const stored = await this.targets.read(partitionKey, [...idOf.keys()]);
      const own = [...stored.entries()].filter(([, claim]) => claim.value.rollId === rollId);
      // One by one and not in a transaction: the SDK's transactions delete without regard to the version, and between our
      // read and our delete another run of this roll may have given the claim up and another roll may have taken it.
      await inParallel(own, DELETES_AT_ONCE, ([rowKey, { etag }]) =>
        attempt("release a claim", () => table.deleteEntity(partitionKey, rowKey, { etag })),
      );
    });
  }

  private table(): Promise<TableClient> {
    return this.clients.table("claims");
  }
}

function startKeys(key: string): [partitionKey: string, rowKey: string] {
  return [`start|${formatKey(key.slice(0, 2))}`, formatKey(key)];
}

function targetPartition(id: RegistrationId): string {
  const number = createHash("sha256").update(id).digest().readUInt8(0) % TARGET_PARTITIONS;
  return `target|${String(number).padStart(2, "0")}`;
}
