import { odata } from "@azure/data-tables";
import { Proposal } from "../../domain/expiry/proposal";
import type { ProposalStore } from "../../ports/proposals";
import { GuardedRows } from "./guarded-rows";
import { RowCodec } from "./row-codec";
import { queryAll, queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITION = "proposals";
const CHUNK = 100;

/**
 * Proposals in Azure Tables. Table `proposals`: one partition, a row per key.
 *
 * Storage operations: `note` 2 per 100 new ones and 1 per 100 known ones; `update` 2 per 100; `get` 1; `list` and `listStarting` 1 per
 * 1,000 rows looked through.
 */
export class TableProposalStore implements ProposalStore {
  private readonly codec = new RowCodec<Proposal>("proposals", Proposal);
  private readonly rows: GuardedRows<Proposal>;

  constructor(private readonly clients: StoreClients) {
    this.rows = new GuardedRows(() => clients.table("proposals"), this.codec);
  }

  async note(proposals: readonly Proposal[]): Promise<readonly Proposal[]> {
    const byKey = new Map(proposals.map((proposal) => [proposal.key, proposal]));
    const fresh = new Set<string>();
    const keys = [...byKey.keys()];
    for (let at = 0; at < keys.length; at += CHUNK)
      await this.rows.merge(PARTITION, keys.slice(at, at + CHUNK), (key, stored) => {
        if (stored !== undefined) {
          fresh.delete(key);
          return undefined;
        }
        fresh.add(key);
        return byKey.get(key);
      });
    return proposals.filter(({ key }) => fresh.has(key));
  }

  async list({ limit, after = "" }: Parameters<ProposalStore["list"]>[0]): Promise<readonly Proposal[]> {
    const filter = odata`PartitionKey eq ${PARTITION} and RowKey gt ${after}`;
    const found: Proposal[] = [];
    for await (const { rows } of queryPages(await this.clients.table("proposals"), filter, limit)) {
      found.push(...rows.map((row) => this.codec.decode(row).value));
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  async get(key: string): Promise<Proposal | undefined> {
    return (await this.rows.read(PARTITION, [key])).get(key)?.value;
  }

  async listStarting(): Promise<readonly Proposal[]> {
    const rows = await queryAll(await this.clients.table("proposals"), odata`PartitionKey eq ${PARTITION}`);
    return rows.map((row) => this.codec.decode(row).value).filter(({ state }) => state === "starting");
  }

  async update(keys: readonly string[], change: (stored: Proposal) => Proposal | undefined): Promise<void> {
    for (let at = 0; at < keys.length; at += CHUNK)
      await this.rows.merge(PARTITION, keys.slice(at, at + CHUNK), (_key, stored) =>
        stored === undefined ? undefined : change(stored),
      );
  }
}
