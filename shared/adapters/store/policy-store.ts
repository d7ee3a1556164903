import { odata } from "@azure/data-tables";
import { DEFAULT_POLICIES, PolicyVersion } from "../../domain/policy/policies";
import type { PolicyStore } from "../../ports/policies";
import { formatNumber } from "./keys";
import { RowCodec } from "./row-codec";
import { attempt } from "./storage-errors";
import { queryAll } from "./table-rows";
import type { StoreClients } from "./tables";

const PARTITION = "policies";
const MOST = 999_999;

/**
 * Policies in Azure Tables. Table `policies`: one partition, a row per version, the newest first. A version is inserted and
 * never changed: whoever sets the same number second is told so.
 *
 * Storage operations: `current` and `history` 1 per 1,000 versions, `set` 1.
 */
export class TablePolicyStore implements PolicyStore {
  private readonly codec = new RowCodec<PolicyVersion>("policies", PolicyVersion);

  constructor(private readonly clients: StoreClients) {}

  async current(): Promise<PolicyVersion> {
    return (await this.history())[0] ?? DEFAULT_POLICIES;
  }

  async set(next: PolicyVersion): Promise<boolean> {
    const table = await this.clients.table("policies");
    const entity = this.codec.encode(PARTITION, formatNumber(MOST - next.version), next);
    return (await attempt("set policies", () => table.createEntity(entity))).outcome === "done";
  }

  async history(): Promise<readonly PolicyVersion[]> {
    const rows = await queryAll(await this.clients.table("policies"), odata`PartitionKey eq ${PARTITION}`);
    return rows.map((row) => this.codec.decode(row).value);
  }
}
