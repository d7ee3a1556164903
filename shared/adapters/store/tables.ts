import { TableClient } from "@azure/data-tables";
import { BlobServiceClient } from "@azure/storage-blob";
import type { ContainerClient } from "@azure/storage-blob";
import type { TokenCredential } from "@azure/identity";
import { demand } from "./storage-errors";

/** The product's tables; each is called prefix + this word, such as `rollcallclaims`. */
export type StoreTable =
  | "claims"
  | "rolls"
  | "batches"
  | "facts"
  | "poison"
  | "control"
  | "ledger"
  | "inventories"
  | "devices"
  | "issuance"
  | "outbox"
  | "due"
  | "policies"
  | "alerts"
  | "proposals"
  | "deny";

/** Where the storage account is and how to enter it. */
export type StoreAddress =
  | { readonly kind: "connection-string"; readonly connectionString: string }
  | {
      readonly kind: "identity";
      /** Such as `https://contoso.table.core.windows.net`. */
      readonly tableEndpoint: string;
      /** Such as `https://contoso.blob.core.windows.net`. */
      readonly blobEndpoint: string;
      readonly credential: TokenCredential;
    };

/** Hands out clients whose table or container exists. */
export interface StoreClients {
  /** @throws RollError where the table is neither there nor can be created; the next call tries again. */
  table(name: StoreTable): Promise<TableClient>;
  /**
   * The product's own container, or the one of this name.
   * @throws RollError where the container is neither there nor can be created; the next call tries again.
   */
  container(name?: string): Promise<ContainerClient>;
}

/**
 * Opens the product's tables and its blob container. Nothing is called before the first use; then each table and the
 * container is created if absent, once per process (one storage operation each). Plain http is used only if the address
 * says so (Azurite).
 * @param prefix start of the tables' names and name of the container; 3-40 lower-case letters and digits, beginning with
 * a letter (both naming rules at once). Default `rollcall`; another one keeps two installations in one account apart.
 */
export function openStore(address: StoreAddress, prefix = "rollcall"): StoreClients {
  if (!/^[a-z][a-z0-9]{2,39}$/.test(prefix)) {
    throw new RangeError(`"${prefix}" cannot begin table names: use 3-40 lower-case letters and digits`);
  }
  const containers = new Map<string, () => Promise<ContainerClient>>();
  const container = (name = prefix): Promise<ContainerClient> => {
    const known = containers.get(name);
    if (known !== undefined) return known();
    const open = once(`create the blob container ${name}`, async () => {
      const client = blobService(address).getContainerClient(name);
      await client.createIfNotExists();
      return client;
    });
    containers.set(name, open);
    return open();
  };
  const table = (name: StoreTable): (() => Promise<TableClient>) =>
    once(`create the table ${prefix}${name}`, async () => {
      const client = tableClient(address, `${prefix}${name}`);
      // A table that exists already is no error here.
      await client.createTable();
      return client;
    });
  const tables: Record<StoreTable, () => Promise<TableClient>> = {
    claims: table("claims"),
    rolls: table("rolls"),
    batches: table("batches"),
    facts: table("facts"),
    poison: table("poison"),
    control: table("control"),
    ledger: table("ledger"),
    inventories: table("inventories"),
    devices: table("devices"),
    issuance: table("issuance"),
    due: table("due"),
    outbox: table("outbox"),
    policies: table("policies"),
    alerts: table("alerts"),
    proposals: table("proposals"),
    deny: table("deny"),
  };
  return { table: (name) => tables[name](), container };
}

/** Remembers success only: a storage account that was away at the first call is asked again at the next. */
function once<T>(doing: string, make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= demand(doing, make).catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

function tableClient(address: StoreAddress, name: string): TableClient {
  if (address.kind === "identity") {
    return new TableClient(address.tableEndpoint, name, address.credential, insecure(address.tableEndpoint));
  }
  const { url } = TableClient.fromConnectionString(address.connectionString, name);
  return TableClient.fromConnectionString(address.connectionString, name, insecure(url));
}

function insecure(endpoint: string): { allowInsecureConnection: boolean } {
  return { allowInsecureConnection: new URL(endpoint).protocol === "http:" };
}

/** A client of the account's blob service. */
export function blobService(address: StoreAddress): BlobServiceClient {
  return address.kind === "identity"
    ? new BlobServiceClient(address.blobEndpoint, address.credential)
    : BlobServiceClient.fromConnectionString(address.connectionString);
}
