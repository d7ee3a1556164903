import type { TableClient } from "@azure/data-tables";
import { z } from "zod";
import { RollId } from "../../domain/ids";
import { Instant } from "../../domain/instant";
import type { Entropy } from "../../ports/clock";
import type { ClaimStore, StartClaim } from "../../ports/stores";
import { formatKey } from "./keys";
import { RowCodec } from "./row-codec";
import { attempt, contended } from "./storage-errors";
import { getRow } from "./table-rows";
import type { StoreClients } from "./tables";

const StoredStartClaim = z.object({ key: z.string(), rollId: RollId, bodySha256: z.string(), at: Instant });

/**
 * Claims of starts in Azure Tables. Table `claims`: a row per start (`start|` + the first two characters of the key / key).
 *
 * Storage operations: `claimStart` 1, or 2 if it exists; `findStart` 1.
 */
export class TableClaimStore implements ClaimStore {
  private readonly starts = new RowCodec<StartClaim>("claims", StoredStartClaim);

  constructor(
    private readonly clients: StoreClients,
    private readonly entropy: Entropy,
  ) {}

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

  private table(): Promise<TableClient> {
    return this.clients.table("claims");
  }
}

function startKeys(key: string): [partitionKey: string, rowKey: string] {
  return [`start|${formatKey(key.slice(0, 2))}`, formatKey(key)];
}
