import { odata } from "@azure/data-tables";
import type { TableClient } from "@azure/data-tables";
import type { RollId } from "../../domain/ids";
import { ControlJournalEntry, RollControl } from "../../domain/roll/control";
import type { ControlDecision } from "../../domain/roll/control";
import type { ControlStore } from "../../ports/control";
import { formatNumber } from "./keys";
import { RowCodec } from "./row-codec";
import type { Versioned } from "./row-codec";
import { attempt, contended } from "./storage-errors";
import { getRow, queryAll, transact } from "./table-rows";
import type { StoreClients } from "./tables";

const ROW = "control";

/** How often a command that lost a race is decided again; each lost race means that another command was carried out. */
const CHANGE_TRIES = 20;

const rows = new RowCodec<RollControl>("control", RollControl);
const journal = new RowCodec<ControlJournalEntry>("control", ControlJournalEntry);

/**
 * Control rows in Azure Tables. Table `control`, partition roll id: `control`, and `j|` + number per change.
 *
 * Storage operations: `create`, `get` 1 each; `change` 2, and 2 more per lost race, 1 if nothing changes; `readJournal` 1
 * per 1,000 entries. A `change` whose answer was lost meets its own command when it is made again, and answers `unchanged`.
 */
export class TableControlStore implements ControlStore {
  constructor(private readonly clients: StoreClients) {}

  async create(control: RollControl): Promise<boolean> {
    const table = await this.table();
    const entity = rows.encode(control.rollId, ROW, control);
    const created = await attempt("create a control row", () => table.createEntity(entity));
    return created.outcome === "done";
  }

  async get(rollId: RollId): Promise<RollControl | undefined> {
    return (await find(await this.table(), rollId))?.value;
  }

  async change(
    rollId: RollId,
    decide: (current: RollControl) => ControlDecision,
  ): Promise<ControlDecision | undefined> {
    const table = await this.table();
    for (let tries = 0; tries < CHANGE_TRIES; tries += 1) {
      const found = await find(table, rollId);
      if (found === undefined) return undefined;
      const decision = decide(found.value);
      if (decision.outcome !== "changed") return decision;
      const written = await transact(table, [
        ["update", rows.encode(rollId, ROW, decision.control), "Replace", { etag: found.etag }],
        ["create", journal.encode(rollId, `j|${formatNumber(found.value.revision)}`, decision.entry)],
      ]);
      if (written.outcome === "done") return decision;
    }
    throw contended("change a control row", CHANGE_TRIES);
  }

  async readJournal(rollId: RollId): Promise<readonly ControlJournalEntry[]> {
    const filter = odata`PartitionKey eq ${rollId} and RowKey ge 'j|' and RowKey lt 'j}'`;
    return (await queryAll(await this.table(), filter)).map((row) => journal.decode(row).value);
  }

  private table(): Promise<TableClient> {
    return this.clients.table("control");
  }
}

async function find(table: TableClient, rollId: RollId): Promise<Versioned<RollControl> | undefined> {
  const row = await getRow(table, rollId, ROW);
  return row === undefined ? undefined : rows.decode(row);
}
