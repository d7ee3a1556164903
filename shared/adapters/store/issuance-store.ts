import { odata, type TableClient } from "@azure/data-tables";
import { z } from "zod";
import { RegistrationId, RollId, Sha256Thumbprint } from "../../domain/ids";
import { formatInstant, Instant } from "../../domain/instant";
import type { IssuanceIntent, IssuanceStore, IssuedCertificate, IssuedPage } from "../../ports/issuers";
import { ChainBlobs } from "./chain-blobs";
import { formatKey } from "./keys";
import { RowCodec, type StoredRow } from "./row-codec";
import { attempt, corrupt, demand } from "./storage-errors";
import { getRow, queryPages } from "./table-rows";
import type { StoreClients } from "./tables";

const HexDigits = z.string().regex(/^[0-9A-F]+$/);

const StoredIntent = z.object({
  rollId: RollId,
  registrationId: RegistrationId,
  serialNumber: HexDigits.optional(),
  publicKeySha256: HexDigits,
  notBefore: Instant,
  notAfter: Instant,
  at: Instant,
});

const StoredIssued = z.object({
  rollId: RollId,
  registrationId: RegistrationId,
  serialNumber: HexDigits,
  sha256Thumbprint: Sha256Thumbprint,
  publicKeySha256: HexDigits,
  issuerThumbprint: Sha256Thumbprint.optional(),
  notAfter: Instant,
  at: Instant,
});

/**
 * Issuing in Azure Tables and blobs. Table `issuance`: a row per intent (`intent|<roll id>` / registration id) and per issued
 * certificate (`issued|<year-month>` / moment|serial number), so that the ledger lies in the order of time. Issued chains
 * are blobs, see {@link ChainBlobs}.
 *
 * Storage operations: `intended`, `kept`, `record` 1; `intend` 1, or 2 if another intent stands; `keep` 1 or 2;
 * `listIssued` 2 per page, or more where the service answers in smaller pages.
 */
export class TableIssuanceStore implements IssuanceStore {
  private readonly intents = new RowCodec<IssuanceIntent>("issuance", StoredIntent);
  private readonly ledger = new RowCodec<IssuedCertificate>("issuance", StoredIssued);
  private readonly chains: ChainBlobs;

  constructor(private readonly clients: StoreClients) {
    this.chains = new ChainBlobs(clients);
  }

  async intended(rollId: RollId, registrationId: RegistrationId): Promise<IssuanceIntent | undefined> {
    const row = await getRow(await this.table(), ...intentKeys(rollId, registrationId));
    return row === undefined ? undefined : this.intents.decode(row).value;
  }

  async intend(intent: IssuanceIntent): Promise<IssuanceIntent> {
    const table = await this.table();
    const entity = this.intents.encode(...intentKeys(intent.rollId, intent.registrationId), intent);
    const created = await attempt("record what will be signed", () => table.createEntity(entity));
    if (created.outcome === "done") return intent;
    const stands = await this.intended(intent.rollId, intent.registrationId);
    if (stands === undefined) throw corrupt("table issuance", "lost an intent: rows of it are never deleted");
    return stands;
  }

  keep(...chain: Parameters<IssuanceStore["keep"]>): Promise<string> {
    return this.chains.keep(...chain);
  }

  kept(...device: Parameters<IssuanceStore["kept"]>): Promise<string | undefined> {
    return this.chains.kept(...device);
  }

  async record(issued: IssuedCertificate): Promise<void> {
    const table = await this.table();
    const { sha256Thumbprint, registrationId } = issued;
    const entity = this.ledger.encode(...issuedKeys(issued), issued, { sha256Thumbprint, registrationId });
    await demand("write the ledger of issued certificates", () => table.upsertEntity(entity, "Replace"));
  }

  async listIssued({ since, limit, after }: IssuedPage): ReturnType<IssuanceStore["listIssued"]> {
    const table = await this.table();
    const [month, from] = after === undefined ? [monthKey(since), momentKey(since)] : splitCursor(after);
    // Two queries instead of one with "or", which Tables would answer by reading every row. "}" comes after "|".
    const filters = [
      odata`PartitionKey eq ${month} and RowKey gt ${from}`,
      odata`PartitionKey gt ${month} and PartitionKey lt ${"issued}"}`,
    ];
    const rows: StoredRow[] = [];
    for (const filter of filters) {
      if (rows.length > limit) break;
      // One more than wanted tells whether there is a next page.
      for await (const page of queryPages(table, filter, Math.min(1_000, limit + 1 - rows.length))) {
        rows.push(...page.rows);
        if (rows.length > limit) break;
      }
    }
    const issued = rows.slice(0, limit).map((row) => this.ledger.decode(row).value);
    const last = rows[limit - 1];
    return rows.length > limit && last !== undefined
      ? { issued, next: `${last.partitionKey}/${last.rowKey}` }
      : { issued };
  }

  private table(): Promise<TableClient> {
    return this.clients.table("issuance");
  }
}

function intentKeys(rollId: RollId, registrationId: RegistrationId): [partitionKey: string, rowKey: string] {
  return [`intent|${rollId}`, formatKey(registrationId)];
}

function issuedKeys({ at, serialNumber }: IssuedCertificate): [partitionKey: string, rowKey: string] {
  return [monthKey(at), `${momentKey(at)}|${serialNumber}`];
}

/** Such as `issued|2026-01`. */
function monthKey(at: Instant): string {
  return `issued|${formatInstant(at).slice(0, 7)}`;
}

function momentKey(at: Instant): string {
  return String(at).padStart(15, "0");
}

function splitCursor(after: string): [month: string, rowKey: string] {
  const slash = after.indexOf("/");
  return [after.slice(0, slash), after.slice(slash + 1)];
}
